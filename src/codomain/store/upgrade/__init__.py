"""Another encoder, other transforms or another index for a collection that stays searchable on the way.

target.py          what `--to` asks for, as a whole pipeline
begin.py           the beginning: what replaces what, in one transaction
bridge.py          from the new encoder's queries to the old vectors, fitted and measured on a sample
bridged_branch.py  a branch between two spaces
roles.py           which branches are written, filled, kept and searched
state.py           the record of an upgrade in the database
vector_source.py   where the vectors of a branch that is being filled come from
offline.py         searches while the server of an encoder is away
steps.py           fill, cut over, go back, drop the old vectors
"""
