"""Every flow of docs/PROTOCOL.md, one function each."""
