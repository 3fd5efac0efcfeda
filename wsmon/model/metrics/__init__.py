"""What monitoring systems are told: families of metrics, made of totals; how they are written is ``export``'s."""
