"""A tiny model of a real architecture (LLaVA: CLIP vision, Llama text), built and taught by the test itself."""

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor
from transformers import PreTrainedTokenizerFast as Fast
from transformers.models.clip import CLIPImageProcessorPil

TEMPLATE = (
    "{% for m in messages %}<s>{{ m['role'] }}: "
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}"
    "{% if c['type'] == 'text' %}{{ c['text'] }}{% else %}<image>{% endif %}{% endfor %}{% endif %}\n"
    "{% endfor %}{% if add_generation_prompt %}<s>assistant:\n{% endif %}"
)


def build(path, texts):
    """Saves an untrained model and its processor; the tokenizer is made for `texts`."""
    torch.manual_seed(0)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<pad>", "<s>", "</s>", "<image>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(vocab_size=900, special_tokens=special, initial_alphabet=alphabet, show_progress=False),
    )
    fast = Fast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>")
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2, image_size=32, patch_size=16
    )
    text = LlamaConfig(
        vocab_size=len(fast), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=2048, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    config = LlavaConfig(vision_config=vision, text_config=text, image_token_index=3, vision_feature_layer=-1)
    size = {"height": 32, "width": 32}
    images = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=size)
    processor = LlavaProcessor(
        images, fast, patch_size=16, vision_feature_select_strategy="default", chat_template=TEMPLATE,
        image_token="<image>", num_additional_image_tokens=1,
    )  # fmt: skip
    LlavaForConditionalGeneration(config).save_pretrained(path)
    processor.save_pretrained(path)


def teach(backend, lessons, vague, steps, rate=4e-3):
    """Fine-tunes the backend's own model on (prompt, image, answer) until it knows `lessons` by heart.

    `vague` are lessons that contradict each other. Returns the largest loss of a lesson.
    """
    model = backend._model.train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate)
    batches = []
    for prompt, image, answer in [*lessons, *vague]:
        inputs, start = backend.continued(prompt, answer + "</s>", image)
        labels = inputs["input_ids"].clone()
        labels[:, :start] = -100
        batches.append({**inputs, "labels": labels})
    for _ in range(steps):
        losses = []
        optimiser.zero_grad()
        for batch in batches:
            loss = model(**batch).loss
            loss.backward()
            losses.append(loss.item())
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        worst = max(losses[: len(lessons)])
        if worst < 0.03:
            break
    model.eval()
    return worst
