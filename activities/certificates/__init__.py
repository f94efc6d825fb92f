"""Certificates: printed and signed by `render`, checked offline by `verify`."""
