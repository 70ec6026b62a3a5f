"""What lies between the two hosts: namespaces, interfaces, and the relay that loses and delays what they send."""
