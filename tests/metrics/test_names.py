import pytest

from ganzoo.metrics.features import Raw
from ganzoo.metrics.lenet import LeNet64
from ganzoo.metrics.names import metric_name


class Official(Raw):
    id = "inception-2015-12-05"
    official = True

    def __init__(self):
        super().__init__(1)


class Unverified(Raw):
    id = "inception-unverified-0123abcd"

    def __init__(self):
        super().__init__(1)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("fd", "fid"),
        ("kd", "kid"),
        ("classifier_score", "inception_score"),
        ("fid", "fid"),
        ("kid", "kid"),
        ("inception_score", "inception_score"),
        ("precision", "precision@inception-2015-12-05"),
    ],
)
def test_the_official_network_earns_the_names(kind, expected):
    assert metric_name(kind, Official()) == expected


@pytest.mark.parametrize("kind", ["fd", "kd", "classifier_score", "precision", "recall", "density", "coverage"])
@pytest.mark.parametrize("extractor", [LeNet64, Raw, Unverified])
def test_every_other_network_is_named(kind, extractor):
    assert metric_name(kind, extractor()) == f"{kind}@{extractor.id}"


@pytest.mark.parametrize(("kind", "neutral"), [("fid", "fd"), ("kid", "kd"), ("inception_score", "classifier_score")])
@pytest.mark.parametrize("extractor", [LeNet64, Unverified])
def test_official_names_are_refused_with_the_remedy(kind, neutral, extractor):
    message = rf"(?s){kind} is defined by.*6726825d.*{extractor.id} is not.*{neutral}@.*GANZOO_WEIGHTS"
    with pytest.raises(ValueError, match=message):
        metric_name(kind, extractor())


@pytest.mark.parametrize("kind", ["FID", "fd@x", "", "f d"])
def test_a_kind_is_one_plain_word(kind):
    with pytest.raises(ValueError, match="lower-case letters"):
        metric_name(kind, LeNet64())
