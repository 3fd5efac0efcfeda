"""What asks something of the person: each dialog is a modal screen that returns an answer."""
