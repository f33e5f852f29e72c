"""What happens beside training: the progress bar, and checkpoints within long epochs."""

from __future__ import annotations

import time

from tqdm import tqdm
from transformers import TrainerCallback

SAVE_SECONDS = 600  # also save this long after the last checkpoint, within an epoch


class Progress(TrainerCallback):
    """A bar over all cells of all epochs, with cells/s and the time left."""

    def __init__(self, n_cells: int, shown: bool):
        self.n_cells, self.shown, self.bar = n_cells, shown, None
        self.start, self.seen = time.perf_counter(), 0

    def on_train_begin(self, args, state, control, **kwargs):
        """Open the bar, where a resumed run left it."""
        total = int(self.n_cells * args.num_train_epochs)
        done = int(self.n_cells * (state.epoch or 0))
        self.bar = tqdm(total=total, initial=done, unit="cell", disable=not self.shown)
        self.start = time.perf_counter()

    def cells(self, n: int) -> None:
        """Count the cells of a batch."""
        self.seen += n
        self.bar.update(n)

    def on_log(self, args, state, control, logs=None, **kwargs):
        """Show the last losses and scores."""
        shown = ("loss", "eval_loss", "eval_macro_f1", "eval_accuracy")
        self.bar.set_postfix({k: f"{v:.3f}" for k, v in (logs or {}).items() if k in shown})

    def on_train_end(self, args, state, control, **kwargs):
        """Close the bar."""
        self.bar.close()

    @property
    def cells_per_second(self) -> float:
        """Since training began or went on."""
        return self.seen / max(time.perf_counter() - self.start, 1e-9)


class SaveNowAndThen(TrainerCallback):
    """A checkpoint within long epochs, too."""

    def __init__(self):
        self.saved = time.monotonic()

    def on_save(self, args, state, control, **kwargs):
        """Remember when."""
        self.saved = time.monotonic()

    def on_step_end(self, args, state, control, **kwargs):
        """Ask for a checkpoint if the last one is long ago."""
        # Processes have to agree, and their clocks do not.
        if args.world_size == 1 and time.monotonic() - self.saved > SAVE_SECONDS:
            control.should_save = control.should_log = True  # the loss so far must not be lost
