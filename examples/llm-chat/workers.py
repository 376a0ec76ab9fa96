"""What becomes of the answers of a worker that dies.

Every worker says every moment which answers it generates, on a topic that all of them read. One that has said nothing
while another has heard itself several times is gone, and its answers are ended, so that nobody waits for them. No
clock decides this: a worker that has lost the hub does not hear itself either, and takes nobody for dead.
"""

import asyncio
import json
import logging
from uuid import uuid4

import settings
from headwater import Publisher, PublishError

TOPIC = "control/workers"

MOST_MISSED = 3
"""How many beats of its own a worker hears at most without one of another that lives."""


class Workers:
    """This worker and the others, also those that have died before it began."""

    def __init__(self, publisher: Publisher):
        self._publisher = publisher
        self._name = uuid4().hex
        self.mine: set[str] = set()
        """The topics of the answers that this worker generates."""
        # Those of the others, and how often they were missed.
        self._theirs: dict[str, set[str]] = {}
        self._missed: dict[str, int] = {}
        self._said = False
        self._ending: set[asyncio.Task[None]] = set()

    async def say(self) -> None:
        """Says which answers this worker generates."""
        beat = {"worker": self._name, "answers": sorted(self.mine)}
        await self._publisher.publish(TOPIC, beat, key=self._name)
        self._said = bool(self.mine)

    async def beat(self) -> None:
        """Says it again and again, for as long as there are answers of anybody."""
        while True:
            await asyncio.sleep(settings.BEAT)
            if self.mine or self._theirs or self._said:
                try:
                    await self.say()
                except PublishError as error:
                    log.warning("the other workers cannot be told what this one does: %s", error)

    def hear(self, data: str) -> None:
        """Takes what a worker has said."""
        beat = json.loads(data)
        worker, answers = beat["worker"], set(beat["answers"])
        if worker != self._name:
            self._missed[worker] = 0
            self._theirs[worker] = answers
            if not answers:
                self._forget(worker)
            return
        for other in list(self._missed):
            self._missed[other] += 1
            if self._missed[other] > MOST_MISSED:
                ending = asyncio.create_task(self._end(self._forget(other)))
                self._ending.add(ending)
                ending.add_done_callback(self._ending.discard)

    def _forget(self, worker: str) -> set[str]:
        del self._missed[worker]
        return self._theirs.pop(worker)

    async def _end(self, answers: set[str]) -> None:
        for topic in answers:
            try:
                await self._publisher.finish(topic, "error")
                log.warning("the worker of the answer %s is gone, and the answer has ended", topic)
            except PublishError as error:
                # 409: it had ended, or another worker was faster.
                if error.status != 409:
                    log.warning("the answer %s could not be ended: %s", topic, error)


log = logging.getLogger("uvicorn.error")
