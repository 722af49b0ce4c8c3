import torch

from core.detectors.taps import READINGS


def test_readings_are_of_the_tokens_they_name():
    hidden = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(READINGS["class"](hidden), hidden[:, 0])
    torch.testing.assert_close(READINGS["patches"](hidden), hidden[:, 1:].mean(dim=1))
    torch.testing.assert_close(READINGS["spread"](hidden), hidden[:, 1:].std(dim=1))


def test_tokens_that_are_all_alike_have_no_spread_and_a_gradient():
    hidden = torch.ones(1, 5, 7, requires_grad=True)
    READINGS["spread"](hidden).sum().backward()
    torch.testing.assert_close(hidden.grad, torch.zeros_like(hidden))
