"""Telling people: texts, the mail and SMS transports, and the activities that send."""
