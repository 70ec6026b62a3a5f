// Ranks what a search finds: pages before the names and pages of the API. Sphinx's own weights otherwise.
var Scorer = {
  score: ([page, , , , weight]) => weight - (page.startsWith("docs/api/") ? 1000 : 0),
  objNameMatch: 11, objPartialMatch: 6, objPrio: { 0: 15, 1: 5, 2: -5 }, objPrioDefault: 0,
  title: 15, partialTitle: 7, term: 5, partialTerm: 2,
};
