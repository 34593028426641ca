"""Another encoder, other transforms or another index for a collection that stays searchable on the way.

`target` says what the pipeline is to be, `begin` fits the bridges and sets off, `steps` embeds, cuts over and goes back;
`sides` tells a collection which of its branches are written, filled and searched meanwhile.
"""
