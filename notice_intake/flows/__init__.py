"""The imperative shell: open or join a transaction, load, ask ``core``, save, enqueue effects."""
