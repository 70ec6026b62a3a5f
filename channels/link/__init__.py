"""What happens between the two ends of a link: rates, losses, delays, packets and repeats, without a clock."""
