"""A SQLite file that is moved, removed or replaced while it is served: nobody is answered by the one that is gone."""

import shutil
from pathlib import Path

import pytest

from core.errors import StorageUnavailable
from dnc.answers import Answer
from dnc.gate import Question
from dnc.reasons import ReasonCode
from service import Service
from tests.integration.seeds import beside, dialer_of, seeded_service
from tests.seeding import CAMPAIGN, FROM_PARTNER, Seeded, opt_out


def asked(seeded: Seeded, service: Service) -> Answer:
    return service.gate.ask(dialer_of(seeded), CAMPAIGN, Question(FROM_PARTNER))


def test_a_data_folder_that_is_gone_is_answered_by_no_yes_until_it_is_back(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with seeded_service(request, "sqlite", tmp_path) as seeded:
        home = seeded.service.settings.data_dir
        assert asked(seeded, seeded.service).decision.may_call

        home.rename(home.with_name("away"))
        for _ in range(2):
            with pytest.raises(StorageUnavailable):
                asked(seeded, seeded.service)
            with pytest.raises(StorageUnavailable):
                opt_out(seeded.service, FROM_PARTNER, seeded.seller_id)
        home.with_name("away").rename(home)

        assert asked(seeded, seeded.service).decision.may_call


def test_a_no_that_is_recorded_after_the_folder_was_replaced_counts_at_the_next_check(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with seeded_service(request, "sqlite", tmp_path) as seeded:
        home, copy = seeded.service.settings.data_dir, tmp_path / "backup"
        seeded.service.close()
        shutil.copytree(home, copy)
        assert asked(seeded, seeded.service).decision.may_call

        home.rename(tmp_path / "before")
        copy.rename(home)
        other = beside(seeded)
        opt_out(other, FROM_PARTNER, seeded.seller_id)
        other.close()

        assert ReasonCode.OPTED_OUT in {one.code for one in asked(seeded, seeded.service).decision.reasons}
