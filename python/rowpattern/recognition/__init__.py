"""The MATCH_RECOGNIZE clause without SQL text: `rowpattern.recognize`."""
