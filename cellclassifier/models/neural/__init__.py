"""What the networks share, whatever they learn from: one loop, its checkpoints, devices, batches.

options       how long and how fast a network learns; readable without torch
losses        losses between the samples of a minibatch
balance       minibatches with enough cells of rare types
task          what a network learns: its batches, its loss, its validation
loop          epochs, steps, early stopping, memory that is full
checkpoints   where an interrupted loop goes on
processes     one process or several (torchrun)
device        CPU, GPU and what each can do
seen_genes    expression as a network takes it, with genes that may be missing
weights       a network's weights in a model folder
stored        what a file's tensors must be, for torch and for numpy
inference     a trained network over many samples
"""

from cellclassifier.lazy import expose

__getattr__, __dir__, __all__ = expose(
    __name__,
    {
        "options": ["TrainingOptions"],
        "task": ["Inputs", "Task"],
        "loop": ["Trained", "train"],
    },
)
