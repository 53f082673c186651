"""The business keys that the chains of a batch ask for."""

from saga_coordinator.chains import Chain
from saga_coordinator.engine import facts as f
from saga_coordinator.engine import inputs as i
from saga_coordinator.store.instances import Claim


def claims_of(chain: Chain) -> list[Claim]:
    """What the chain asks for."""
    return [
        Claim(fact.process, fact.business_key, chain.instance)
        for entry in chain.entries
        if type(entry.input) is i.Start and entry.owns_key
        for fact in entry.facts
        if type(fact) is f.InstanceStarted and fact.business_key is not None
    ]


def one_claim_per_key(chains: list[Chain]) -> tuple[list[Chain], list[Chain]]:
    """Chains that can be committed together, and those that want a business key which one of the others wants."""
    ready: list[Chain] = []
    rivals: list[Chain] = []
    taken: set[tuple[str, str]] = set()
    for chain in chains:
        claims = claims_of(chain)
        keys = {(claim.process, claim.key) for claim in claims}
        if keys & taken:
            rivals.append(chain)
        else:
            ready.append(chain)
            taken |= keys
    return ready, rivals
