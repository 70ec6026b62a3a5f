"""Network between the two hosts: namespaces, interfaces, and the relay that loses and delays their packets."""
