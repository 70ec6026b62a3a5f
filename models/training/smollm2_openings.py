"""Short openings that the verifier continues: a sentence or less of news, story, recipe, question or plain prose.

Each is a template with random fillings, so that a few hundred lines give millions of different starts. All of our own
writing; the prompts of `models/prompts/mixed.jsonl` share no sentence with them.
"""

from __future__ import annotations

import re

import numpy as np

_WORDS = """\
name: Maria, Tom, Elena, Samuel, Priya, Jonas, Amina, Victor, Ling, Grace, Omar, Hannah, Peter, Yuki, Clara, Diego,
  Ruth, Ivan, Nora, Felix, Leila, Marcus, Ada, Simon, Rosa, Theo, Ingrid, Kofi, Beatrice, Andrei, Mei, Walter,
  Sofia, Hugo, Zara, Edmund
surname: Miller, Okafor, Tanaka, Rossi, Novak, Garcia, Hughes, Schmidt, Larsen, Patel, Cohen, Moreau, Silva, Brown,
  Kim, Ward, Fischer, Adams, Jensen, Petrov, Stone, Walsh, Mbeki, Carter
place: Ohio, London, Nairobi, Lisbon, Chicago, Kyoto, Texas, Toronto, Berlin, Mumbai, Oregon, Dublin, Lima, Sydney,
  Boston, Oslo, Vermont, Cairo, Denver, Seoul, Naples, Florida, Manila, Prague, Alaska, Glasgow, Bogota, Michigan
role: teacher, nurse, farmer, fisherman, baker, engineer, judge, captain, widow, student, carpenter, doctor,
  painter, soldier, librarian, mayor, scientist, gardener, driver, merchant, princess, wizard, detective, musician,
  lawyer, priest
thing: bridge, school, river, lighthouse, market, train, hospital, garden, library, factory, museum, castle, forest,
  harbor, village, farm, theater, mountain, road, church, ship, kitchen, island, clock, letter, map, piano, lantern
topic: gravity, photosynthesis, inflation, democracy, volcanoes, vaccines, earthquakes, electricity, evolution,
  sleep, taxes, poetry, recycling, immigration, chess, bees, whales, memory, magnets, rainbows, glaciers, jazz,
  trade, climate change, the Roman Empire, machine learning, the French Revolution, the water cycle, healthy eating,
  public speaking, ocean currents, the stock market, space travel, solar power, ancient Egypt, the immune system,
  good writing, prime numbers, the Cold War, soil erosion, renewable energy, the human heart, black holes, the
  printing press, learning a language
food: chicken, rice, tomato, lentil, mushroom, apple, chocolate, potato, salmon, spinach, pumpkin, bean, garlic,
  lemon, cheese, banana, beef, carrot, cabbage, coconut, onion, oatmeal, blueberry, noodle
dish: soup, stew, pie, salad, curry, bread, cake, sauce, pasta, tart, omelet, casserole, muffins, pancakes, risotto
adj: old, quiet, small, bright, strange, lonely, busy, cold, proud, careful, young, famous, hidden, broken, narrow,
  peaceful, simple, sudden, dangerous, beautiful
time: Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday, January, March, April, June, August, October,
  December
group: officials, researchers, residents, lawmakers, the city council, police, economists, teachers, the government,
  scientists, workers, the company, voters, health authorities, engineers
count: 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100, 200, 500"""

FILLINGS = {
    slot: " ".join(words.split()).split(", ")
    for slot, words in (entry.split(": ") for entry in re.split(r"\n(?! )", _WORDS))
}
"""What each {slot} of a template may become."""

NEWS = """{place} ({time}) - {Group} said on {time} that
{PLACE} - The {thing} in {place} will
{Group} in {place} announced {time} that the {adj} {thing}
A {adj} {thing} near {place} was
{count} people were injured on {time} when
The governor of {place} on {time} signed
Police in {place} are investigating after a {role}
{name} {surname}, a {role} from {place}, has
Shares of the {place}-based company {surname} fell {count} percent on {time} after
A new study by {group} in {place} suggests that {topic}
After {count} years, the {place} {thing}
{Group} warned on {time} that a storm moving toward {place}
"We have never seen anything like this," said {name} {surname}, a {role} in
The {place} {thing}, built in 18{count}, will
Prices rose {count} percent in {time}, according to {group}, as
The election in {place} on {time}
The {place} team won its {count}th game on {time}
Hundreds of {role}s marched through {place} on {time} to protest
{name} {surname}, the {role} who
Voters in {place} will decide in {time} whether
The court ruled {time} that the {thing}
Firefighters worked through the night in {place}
Breaking news from {place}:
The {adj} {thing} at the center of a dispute between {group} and {group}
Rescuers in {place} searched {time} for"""

STORIES = """Once upon a time, in a {adj} {thing}, there lived a {role} named {name}
{name} had never seen the {thing} so {adj}
The {role} closed the door of the {thing} and
It was a {adj} night in {place} when {name}
"You cannot stay here," said the {role}. {name}
Nobody in {place} remembered who had built the {adj} {thing}
When {name} was {count} years old, her father
The letter arrived on a {time}, addressed to a {role} who
Long ago, before the {thing} was built,
{name} and {name} walked slowly toward the {thing}
The last {role} in {place} woke up
For {count} years {name} had kept the {thing}
Every {time} the {adj} {role} went down to the {thing}
The dog looked at {name}, then at the {thing}
"{name}!" cried the {role}. "The {thing} is
Chapter 1. The {adj} {thing}
On the morning of the wedding, {name}
{name} opened the box and found a {adj}
There was once a {role} who loved the {thing}
The old {role} told the children a story about
She had promised the {role} that she would never
He remembered the {thing} as it was in {time}
The {thing} was {adj}, and {name} was afraid
In the middle of the {thing} stood a {adj}
By the time the train reached {place}, {name}"""

RECIPES = """{Food} {dish}. Ingredients: {count} cups of
To make a good {food} {dish}, start by
Recipe: {adj} {food} {dish} with {food}. Serves {count}.
My grandmother's {food} {dish} needs only
Preheat the oven to {count}0 degrees and butter a dish. Mix the {food}
This {food} and {food} {dish} takes {count} minutes
Here is how to cook {food} with {food}:
Step 1: Wash the {food} and cut it
How to make {food} {dish}: 1.
A simple {dish} of {food}, {food} and {food}:"""

QUESTIONS = """What is {topic}?
Why is {topic} important?
How does {topic} affect {topic}?
Can you explain {topic} in simple words?
What are the main causes of {topic}?
Question: How did {topic} begin? Answer:
Q: What should a {role} know about {topic}? A:
How can I learn about {topic} in {count} days?
What is the difference between {topic} and {topic}?
I am a {role} in {place}. How do I
Give me {count} ideas for a {thing} in {place}.
Write a short poem about a {adj} {thing}.
What would happen if {topic}
Is it true that {topic}
My {thing} is {adj}. What should I do?
How many {thing}s are there in {place}?
Who invented the {thing}, and why?
Explain to a {count} year old why
Why do some {role}s think that {topic}
What is the best way to cook {food} for {count} people?
A {role} walks {count} miles in {count} hours. How
Write a letter to a {role} about the {thing}.
List {count} facts about {place}.
Tell me about the history of {place}.
Summarize what we know about {topic}."""

PROSE = """The {thing} is
In {place}, the {role}
{Topic} is
One of the most {adj}
There are {count} ways to
The history of {topic}
When we think about {topic}, we
In this chapter, you will learn about {topic}
According to {group},
It is often said that {topic}
Many people believe that {topic}
As a {role}, I
For {count} years, {group}
Dear {name},
Introduction to {topic}
The purpose of this
If you have ever visited {place},
However, {topic}
We live in a
The first {role} of {place}"""

SPEECHES = """I am grateful to the people of {place} for
My fellow citizens, the question of {topic}
Let me speak plainly about {topic}.
Our {role}s and our {role}s deserve
The Treaty with
During the past {count} years our nation
The Secretary of the Treasury reports
I recommend that Congress
Tonight I ask every {role} in {place}"""

SYSTEM = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
FAMILIES = [family.split("\n") for family in (NEWS, STORIES, RECIPES, QUESTIONS, PROSE, SPEECHES)]
SHARES = np.array([0.25, 0.25, 0.08, 0.22, 0.14, 0.06])  # of the families, in that order


def opening(rng: np.random.Generator) -> str:
    """One opening; one in four follows the document separator, as at the start of a page."""
    family = FAMILIES[int(rng.choice(len(FAMILIES), p=SHARES))]
    text = _fill(family[int(rng.integers(len(family)))], rng)
    return f"<|endoftext|>{text}" if rng.random() < 0.25 else text


def chat(rng: np.random.Generator) -> str:
    """The start of a conversation: half leave the user's message to the verifier, half ask one of QUESTIONS."""
    start = (SYSTEM if rng.random() < 0.5 else "") + "<|im_start|>user\n"
    if rng.random() < 0.5:
        return start
    questions = FAMILIES[3]
    return f"{start}{_fill(questions[int(rng.integers(len(questions)))], rng)}<|im_end|>\n<|im_start|>assistant\n"


def _fill(template: str, rng: np.random.Generator) -> str:
    """The template with each {slot} filled; {Slot} begins with a capital, {SLOT} is all capitals."""

    def one(slot: re.Match[str]) -> str:
        options = FILLINGS[slot[1].lower()]
        word = options[int(rng.integers(len(options)))]
        return word.upper() if slot[1].isupper() else word[:1].upper() + word[1:] if slot[1][0].isupper() else word

    return re.sub(r"{(\w+)}", one, template)
