"""The `transformers:PATH` backend: any local image-text-to-text model through the Auto classes.

Nothing is downloaded, no code from the model's folder is run, weights are read from safetensors only. The model first
writes a JSON plan; where it cannot, the skills are scored: how much likelier each name becomes by the instruction,
log p(name | prompt with the instruction) - log p(name | the same prompt without it), so that a name which the model
likes anyway gains nothing (contextual calibration, Zhao et al. 2021, arXiv 2102.09690).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .backend import BackendError, Skills, StateSummary, checked_image, checked_instruction
from .plan import PlanError, SkillPlan, StagePlan, checked, refusal
from .prompt import plan_from_answer, system_prompt, user_prompt

NONE = "none"  # the name that stands for a refusal


class TransformersBackend:
    """One local model; heavy: run it in a process of its own (the runner does). One call at a time.

    Args:
        path: the model's folder.
        mode: "json" (the model must write a plan), "score" (skills are scored), or "auto" (the first that works).
        max_new_tokens: of a written plan.
        device: of torch; None: CUDA where there is one, else the CPU.
        threads: of torch on the CPU; None leaves them.

    Raises:
        BackendError: torch or transformers is missing, or the folder holds no such model.
    """

    name = "transformers"

    def __init__(
        self,
        path: str | Path,
        mode: str = "auto",
        max_new_tokens: int = 400,
        device: str | None = None,
        threads: int | None = None,
    ):
        if mode not in ("auto", "json", "score"):
            raise BackendError(f"no mode {mode!r}: auto, json or score")
        if not (Path(path) / "config.json").is_file():
            raise BackendError(f"no model in {path}: a folder with config.json is wanted, nothing is downloaded")
        try:
            import torch
            from transformers import AutoModelForImageTextToText, AutoProcessor
        except ImportError as error:
            raise BackendError("transformers and torch are missing: pip install 'metaworld-rt[semantic]'") from error
        self._torch, self._mode, self._tokens = torch, mode, max_new_tokens
        if threads:
            torch.set_num_threads(threads)
        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        safe = {"local_files_only": True, "trust_remote_code": False}
        try:
            self._processor = AutoProcessor.from_pretrained(str(path), **safe)
            model = AutoModelForImageTextToText.from_pretrained(str(path), use_safetensors=True, **safe)
        except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise BackendError(
                f"{path} is no image-text-to-text model that can be loaded: {reason[0][:200]}"
            ) from error
        self._model = model.to(self._device).eval()
        self._null: dict[tuple, np.ndarray] = {}

    def plan(
        self,
        instruction: str,
        image: np.ndarray | None,
        skills: Sequence[tuple[str, str]],
        state_summary: StateSummary | None = None,
    ) -> SkillPlan:
        """See `SemanticBackend.plan`."""
        skills = Skills.of(skills)
        text = checked_instruction(instruction)
        if not text:
            return refusal(skills.safe, f"no instruction: {skills.safe}")
        pixels = checked_image(image)
        if self._mode != "score":
            answer = self._write(self.plan_prompt(text, pixels, skills, state_summary), pixels)
            try:
                return plan_from_answer(answer, skills, state_summary)
            except PlanError:
                if self._mode == "json":
                    raise
        return self._scored(text, pixels, skills)

    # --- prompts

    def plan_prompt(
        self, instruction: str, image: np.ndarray | None, skills: Skills, state: StateSummary | None
    ) -> str:
        """The text that the model goes on from, to write a plan."""
        return self._chat(system_prompt(skills), user_prompt(instruction, state), image)

    def name_prompt(self, instruction: str, image: np.ndarray | None, skills: Skills) -> str:
        """The text that the model goes on from, to name one skill."""
        lines = "\n".join(
            f"- {name}: {description}" for name, description in [*skills, (NONE, "unknown, impossible or unsafe")]
        )
        question = f"{user_prompt(instruction, None)}\nWhich one skill does it ask for? Answer with its name only."
        return self._chat(f"A humanoid robot has these skills:\n{lines}", question, image)

    def _chat(self, system: str, user: str, image: np.ndarray | None) -> str:
        picture = [] if image is None else [{"type": "image"}]
        content = [*picture, {"type": "text", "text": f"{system}\n\n{user}"}]
        if getattr(self._processor, "chat_template", None):
            messages = [{"role": "user", "content": content}]
            return self._processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        mark = getattr(self._processor, "image_token", None) or "<image>"
        return f"{mark if picture else ''}\n{system}\n\n{user}\nAnswer: "

    # --- the model

    def _inputs(self, text: str, image: np.ndarray | None) -> dict[str, Any]:
        from PIL import Image

        pictures = {} if image is None else {"images": [Image.fromarray(image)]}
        batch = self._processor(text=[text], return_tensors="pt", add_special_tokens=False, **pictures)
        return {key: value.to(self._device) for key, value in batch.items()}

    def _write(self, prompt: str, image: np.ndarray | None) -> str:
        inputs = self._inputs(prompt, image)
        with self._torch.inference_mode():
            out = self._model.generate(**inputs, max_new_tokens=self._tokens, do_sample=False)
        new = out[0, inputs["input_ids"].shape[1] :]
        return self._processor.decode(new, skip_special_tokens=True)

    def _scored(self, text: str, image: np.ndarray | None, skills: Skills) -> SkillPlan:
        names = [*skills.names, NONE] if NONE not in skills.names else skills.names
        key = (tuple(skills), None if image is None else image.shape, None if image is None else hash(image.tobytes()))
        if key not in self._null:
            self._null = {key: self._likelihoods(self.name_prompt("", image, skills), names, image)}
        gain = self._likelihoods(self.name_prompt(text, image, skills), names, image) - self._null[key]
        if not np.isfinite(gain).all():
            raise PlanError("non_finite", "the model's likelihoods are not finite")
        chance = np.exp(gain - gain.max())
        chance /= chance.sum()
        said = ", ".join(f"{name} {value:.2f}" for name, value in zip(names, chance, strict=True))
        if names[int(chance.argmax())] == NONE and NONE not in skills.names:
            return refusal(
                skills.safe, f"unknown, impossible or unsafe: {skills.safe} instead", float(chance[-1]), said
            )
        weights = {
            name: float(value)
            for name, value in zip(names, chance, strict=True)
            if name in skills.names and value >= 0.02
        }
        return checked(
            SkillPlan((StagePlan(weights),), float(chance.max()), False, max(weights, key=weights.__getitem__), said),
            skills.names,
        )

    def continued(self, prompt: str, answer: str, image: np.ndarray | None) -> tuple[dict[str, Any], int]:
        """Inputs of prompt + answer, and where the answer's tokens begin (a tokenizer may join the two at the seam)."""
        base = self._inputs(prompt, image)["input_ids"][0]
        inputs = self._inputs(prompt + answer, image)
        ids = inputs["input_ids"][0]
        shared = min(len(base), len(ids) - 1)
        return inputs, max(int((ids[:shared] == base[:shared]).cumprod(0).sum()), 1)

    def _likelihoods(self, prompt: str, names: Sequence[str], image: np.ndarray | None) -> np.ndarray:
        """Log p(name | prompt), natural logarithm, for each name."""
        out = []
        for name in names:
            inputs, start = self.continued(prompt, name, image)
            with self._torch.inference_mode():
                logits = self._model(**inputs).logits[0, start - 1 : -1].float()
            chosen = self._torch.log_softmax(logits, -1).gather(1, inputs["input_ids"][0, start:, None])
            out.append(float(chosen.sum()))
        return np.array(out)
