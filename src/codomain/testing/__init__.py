"""Contract checks of stages, for plugins and for codomain's own suite.

    from codomain.testing import check_stage
    check_stage(MyIndex())          # in a test of the plugin: raises ContractError at the first promise that is broken

checks.py      `check_stage`, and the checks of a stage one by one
every.py       what every stage promises: its expression, its arguments, its registration
encoders.py    what encoders promise
transforms.py  what transforms promise
indexes.py     what indexes promise, of vectors and of texts
rankers.py     what rankers and fusions promise
samples.py     small data of every kind and modality
"""

from codomain.testing.checks import Check, ContractError, check_stage, checks

__all__ = ["Check", "ContractError", "check_stage", "checks"]
