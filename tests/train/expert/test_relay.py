import pytest
import torch

from metaworld_rt.tasks import features
from metaworld_rt.train.expert.policy import Expert
from metaworld_rt.train.expert.relay import Leg, Relay


def constant(value):
    expert = Expert(features.size(features.HOUSEHOLD))
    with torch.no_grad():
        for parameter in expert.net.parameters():
            parameter.zero_()
        expert.net[-1].bias.fill_(value)
        expert.gain.fill_(1.0)
    return expert


def phi_of(hinge, latch):
    phi = torch.zeros(len(hinge), features.size(features.HOUSEHOLD))
    door = features.slices(features.HOUSEHOLD)["door"].start
    phi[:, door], phi[:, door + 1] = torch.tensor(hinge), torch.tensor(latch)
    return phi


def relay():
    legs = [Leg(constant(1.0), "door_latch", 0.7), Leg(constant(2.0), "door_hinge", 0.5), Leg(constant(3.0))]
    return Relay(legs, features.HOUSEHOLD)


def test_each_row_goes_its_own_way_and_never_back():
    team = relay()
    with torch.no_grad():
        assert team(phi_of([0.0, 0.0, 0.6], [0.0, 0.8, 0.8]))[:, 0].tolist() == [1.0, 2.0, 3.0]
        assert team(phi_of([0.0, 0.0, 0.0], [0.0, 0.0, 0.0]))[:, 0].tolist() == [1.0, 2.0, 3.0]
        assert team(phi_of([0.0, 0.5, 0.0], [0.7, 0.0, 0.0]))[:, 0].tolist() == [2.0, 3.0, 3.0]
        team.reset()
        assert team(phi_of([0.9, 0.0, 0.0], [0.0, 0.0, 0.0]))[:, 0].tolist() == [1.0, 1.0, 1.0]


def test_an_unknown_rule_is_refused():
    with pytest.raises(ValueError, match="unknown rule"):
        Relay([Leg(constant(1.0), "elapsed", 2.0), Leg(constant(2.0))], features.HOUSEHOLD)
