"""Receipts: what providers of SMS, push receivers and mail gateways report of messages by themselves."""
