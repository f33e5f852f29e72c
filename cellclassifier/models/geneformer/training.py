"""Training by transformers' Trainer: token-budget batches, checkpoints, progress, full memory."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import safetensors.torch
import torch
from torch.utils.data import DataLoader
from transformers import (
    EarlyStoppingCallback,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)

from cellclassifier.errors import InputError
from cellclassifier.models.geneformer.batches import BudgetBatches
from cellclassifier.models.geneformer.callbacks import Progress, SaveNowAndThen
from cellclassifier.models.geneformer.inference import (
    Inference,
    autocast,
    free_memory,
    has_bf16,
    is_out_of_memory,
)
from cellclassifier.models.geneformer.options import GeneformerOptions
from cellclassifier.output.files import write_json


def training_arguments(
    options: GeneformerOptions,
    folder: Path,
    epochs: int,
    seed: int,
    evaluates: bool,
    best: str | None,
    device: torch.device,
) -> TrainingArguments:
    """Linear schedule with warm-up, AdamW, validation and checkpoint after every epoch."""
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=epochs,
        learning_rate=options.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=options.warmup_share,  # below 1: a share of all steps
        weight_decay=options.weight_decay,
        seed=seed,
        logging_strategy="epoch",
        eval_strategy="epoch" if evaluates else "no",
        save_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=bool(evaluates and best),
        metric_for_best_model=best if evaluates else None,
        greater_is_better=True if evaluates and best else None,
        restore_callback_states_from_checkpoint=True,
        use_cpu=device.type == "cpu",
        bf16=has_bf16(device),
        dataloader_pin_memory=device.type == "cuda",
        ddp_find_unused_parameters=False,
        disable_tqdm=True,
        report_to="none",
        logging_nan_inf_filter=False,  # it would wait for the device in every step
    )
    if arguments.n_gpu > 1:  # several GPUs: by torchrun, not by threads of this process
        arguments._n_gpu = 1
    return arguments


class TokenTrainer(Trainer):
    """The Trainer over a task of `tasks`: its batches, its loss, its validation.

    The loss of a batch is its sum over cells (or masked genes) divided by their mean number per
    batch, so that every cell weighs the same although long cells come in smaller batches, and so
    that processes that share a batch add up to one process.
    """

    def __init__(self, model, task, args: TrainingArguments, batch_size: int, report=print):
        data = {"train_dataset": task.train, "eval_dataset": task.validation}
        super().__init__(model=model, args=args, **data)
        self.task, self.report = task, report
        self.world = args.world_size
        lengths = task.train.lengths
        self.sampler = BudgetBatches(
            lengths, round(batch_size * lengths.mean()), args.seed, args.process_index, self.world
        )
        self.items_per_batch = task.items / len(self.sampler)
        self.pieces = 1  # that a batch is cut into, so as to fit into memory
        self.remove_callback(PrinterCallback)
        self.progress = Progress(len(task.train), self.is_world_process_zero())
        self.add_callback(self.progress)
        self.add_callback(SaveNowAndThen())

    def get_train_dataloader(self) -> DataLoader:
        """Batches of this process; loaded ahead by two workers where a GPU waits for them."""
        ahead = {"num_workers": 2, "prefetch_factor": 4} if self.args.device.type == "cuda" else {}
        loader = EpochLoader(
            _Keys(),
            batch_sampler=self.sampler,
            collate_fn=self.task.batch,
            pin_memory=self.args.dataloader_pin_memory,
            **ahead,
        )
        return loader

    def num_examples(self, dataloader: DataLoader) -> int:
        """Training cells, for the Trainer's own bookkeeping."""
        return len(self.task.train)

    def training_step(self, model, inputs, num_items_in_batch=None) -> torch.Tensor:
        """Forward and backward of one batch, in pieces where it does not fit into memory.

        Out of memory doubles the pieces (halves the budget) and does the batch again: the gradient
        is the same sum. Not with several processes, which would wait for each other.
        """
        model.train()
        inputs = {k: v.to(self.args.device, non_blocking=True) for k, v in inputs.items()}
        n_cells = len(inputs["input_ids"])
        while True:
            try:
                loss = self._in_pieces(model, inputs, min(self.pieces, n_cells))
                break
            except RuntimeError as error:
                if not is_out_of_memory(error) or self.world > 1 or self.pieces >= n_cells:
                    raise _explained(error, self.args.device) from error
            model.zero_grad()
            free_memory()
            self.pieces *= 2
            self.report(f"Out of memory: going on with 1/{self.pieces} of a batch at a time.")
        self.progress.cells(n_cells * self.world)
        return loss

    def _in_pieces(self, model, inputs: dict[str, torch.Tensor], n_pieces: int) -> torch.Tensor:
        total = torch.zeros((), device=self.args.device)
        columns = [torch.tensor_split(tensor, n_pieces) for tensor in inputs.values()]
        for piece in zip(*columns, strict=True):
            with autocast(self.args.device):
                loss = self.task.loss_sum(model, dict(zip(inputs, piece, strict=True)))
            loss = loss * (self.world / self.items_per_batch)
            self.accelerator.backward(loss)
            total += loss.detach()
        return total

    def floating_point_ops(self, inputs) -> int:
        """Not counted."""
        return 0

    def evaluate(self, *args, **kwargs) -> dict[str, float]:
        """The task's validation, under the names that callbacks expect."""
        found = self.task.evaluate(Inference(self.model, self.report))
        metrics = {f"eval_{name}": value for name, value in found.items()}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def _save(self, output_dir=None, state_dict=None) -> None:
        """Weights as safetensors; the base class would also pickle the arguments."""
        if self.args.should_save:
            self.model.save_pretrained(output_dir, state_dict=state_dict)


class EpochLoader(DataLoader):
    """A DataLoader that tells its batch sampler the epoch, as the Trainer asks for."""

    def set_epoch(self, epoch: int) -> None:
        """Called by the Trainer before every epoch."""
        self.batch_sampler.set_epoch(epoch)


class _Keys:
    """A data set whose item is its key: the task's ``batch`` looks the cells up together."""

    def __getitem__(self, key):
        return key


def run_stage(trainer: TokenTrainer, resume: bool) -> list[dict]:
    """Train, or go on from the last whole checkpoint, or take up the finished stage.

    The trainer's model then has the weights of the best (or last) epoch. Returns what the Trainer
    logged: per epoch a dict with loss and one with eval_*.
    """
    folder = Path(trainer.args.output_dir)
    finished = folder / "finished"
    if resume and (finished / "history.json").exists():
        _load_weights(trainer.model, finished)
        return json.loads((finished / "history.json").read_text())
    checkpoint = last_checkpoint(folder) if resume else None
    if checkpoint and has_stopped(checkpoint):
        return take_up(trainer, checkpoint)
    if checkpoint is None and trainer.is_world_process_zero():
        shutil.rmtree(folder, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    trainer.train(resume_from_checkpoint=checkpoint and str(checkpoint))
    history = trainer.state.log_history
    if trainer.is_world_process_zero():
        trainer.model.save_pretrained(finished)
        write_json(finished / "history.json", history)  # last: it marks the end
    trainer.accelerator.wait_for_everyone()
    return history


def has_stopped(checkpoint: Path) -> bool:
    """Whether training ended with this checkpoint: early, or with the last epoch.

    The Trainer itself forgets it, and would go on.
    """
    state = json.loads((checkpoint / "trainer_state.json").read_text())
    control = state["stateful_callbacks"]["TrainerControl"]["args"]
    return control["should_training_stop"]


def take_up(trainer: TokenTrainer, checkpoint: Path) -> list[dict]:
    """What training would have ended with: the weights of the best (or last) epoch, the log."""
    state = json.loads((checkpoint / "trainer_state.json").read_text())
    best = state["best_model_checkpoint"] if trainer.args.load_best_model_at_end else None
    _load_weights(trainer.model, Path(best) if best else checkpoint)
    return state["log_history"]


def _load_weights(model: torch.nn.Module, folder: Path) -> None:
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    model.load_state_dict(weights, strict=False)  # tied weights are stored once


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that is whole: trainer_state.json is written last."""
    found = {
        int(p.parent.name.split("-")[1]): p.parent for p in folder.glob("*/trainer_state.json")
    }
    return found[max(found)] if found else None


def early_stopping(patience: int) -> EarlyStoppingCallback:
    """Stop after ``patience`` epochs without a better validation score."""
    return EarlyStoppingCallback(early_stopping_patience=patience)


def _explained(error: RuntimeError, device: torch.device) -> Exception:
    if not is_out_of_memory(error):
        return error
    return InputError(
        f"the memory of {device} is full ({str(error).splitlines()[0][:120]}): lower --batch-size "
        "or --max-tokens, or use --device cpu"
    )
