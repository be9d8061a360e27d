"""Reading a config: what is accepted, what is refused, and in what words."""

import dataclasses
import tempfile
import unittest
from pathlib import Path

import yaml

import main
from tests import ROOT, warnings_are_errors

GOOD = {
    "Train": {"batch_size": 64, "learning_rate": 0.1, "reg": 0.001, "epochs": 10},
    "Model": {"type": "TwoLayerNet"},
}


class TestConfig(unittest.TestCase):
    def setUp(self):
        warnings_are_errors(self)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "some.yaml"

    def read(self, content) -> main.Config:
        if isinstance(content, str):
            content = content.encode()
        if not isinstance(content, bytes):
            content = yaml.safe_dump(content).encode()
        self.path.write_bytes(content)
        return main.read_config(self.path)

    def assert_refused(self, content, *expected: str):
        with self.assertRaises(ValueError) as caught:
            self.read(content)
        message = str(caught.exception)
        for part in (str(self.path), *expected):
            self.assertIn(part, message)
        self.assertEqual(len(message.splitlines()), 1, message)
        self.assertLess(len(message), len(str(self.path)) + 200, message)

    def changed(self, section: str, **changes) -> dict:
        """Return the good config with some keys changed, or left out where they are `...`."""
        keys = {**GOOD[section], **changes}
        return {**GOOD, section: {key: value for key, value in keys.items() if value is not ...}}


class TestAccepted(TestConfig):
    def test_course_files_hold_the_courses_values(self):
        for name, expected in (
            ("config_softmax", main.Config("SoftmaxRegression", 64, 0.1, 0.001, 10)),
            ("config_twolayer", main.Config("TwoLayerNet", 64, 0.1, 0.001, 10, 128)),
            ("config_exp", main.Config("TwoLayerNet", 64, 0.1, 0.001, 10, 128)),
        ):
            config = main.read_config(ROOT / "configs" / f"{name}.yaml")
            self.assertEqual(config, dataclasses.replace(expected, momentum=0.9, debug=True))

    def test_defaults(self):
        config = self.read(GOOD)
        self.assertEqual(
            (config.hidden_size, config.dtype, config.seed, config.momentum, config.debug),
            (128, "float64", 1024, None, False),
        )

    def test_all_keys(self):
        config = self.read(
            """
            Model: {type: SoftmaxRegression, hidden_size: 7, dtype: float32}
            Train: {batch_size: 1, learning_rate: 2, reg: 0, epochs: 3, seed: 0, momentum: 1,
                    debug: yes}
            """
        )
        expected = main.Config("SoftmaxRegression", 1, 2.0, 0.0, 3, 7, "float32", 0, 1.0, True)
        self.assertEqual(config, expected)
        self.assertEqual([type(config.learning_rate), type(config.reg)], [float, float])

    def test_exponents_that_yaml_reads_as_text(self):
        for text, value in (
            ("1e-3", 1e-3),
            ("1E-3", 1e-3),
            ("1.5e3", 1500),
            (".5e0", 0.5),
            ("2e+1", 20),
        ):
            content = yaml.safe_dump(GOOD).replace("0.1", text)
            self.assertIsInstance(yaml.safe_load(f"x: {text}")["x"], (str, float))
            self.assertEqual(self.read(content).learning_rate, value)

    def test_byte_order_mark_and_crlf(self):
        text = yaml.safe_dump(GOOD).replace("\n", "\r\n")
        self.assertEqual(self.read(text.encode("utf-8-sig")), self.read(GOOD))

    def test_anchors(self):
        text = "Train: &t {batch_size: 1, learning_rate: 1, reg: 1, epochs: 1}\nModel: {type: TwoLayerNet}\n"
        self.assertEqual(self.read(text).epochs, 1)

    def test_ends_of_ranges(self):
        for section, key, *values in (
            ("Train", "batch_size", 1, 10**9),
            ("Train", "epochs", 1, 10**9),
            ("Model", "hidden_size", 1, 10**9),
            ("Train", "learning_rate", 5e-324, 1.7e308),
            ("Train", "reg", 0.0, 1.7e308),
            ("Train", "momentum", 0.0, 1.0),
            ("Train", "seed", 0, 2**64 - 1),
        ):
            for value in values:
                config = self.read(self.changed(section, **{key: value}))
                self.assertEqual(getattr(config, key), value)


class TestRefused(TestConfig):
    def test_missing_keys(self):
        for section, key in (
            ("Train", "batch_size"),
            ("Train", "learning_rate"),
            ("Train", "reg"),
            ("Train", "epochs"),
            ("Model", "type"),
        ):
            with self.subTest(key):
                self.assert_refused(
                    self.changed(section, **{key: ...}), f"{section}: {key} is missing; expected"
                )

    def test_values(self):
        count = "expected a whole number from 1 to 10**9"
        whole = {
            "batch_size": count,
            "epochs": count,
            "hidden_size": count,
            "seed": "expected a whole number from 0 to",
        }
        numbers = {
            "learning_rate": "expected a number above 0",
            "reg": "expected a number of at least 0",
            "momentum": "expected a number from 0 to 1",
        }
        names = {
            "type": "expected SoftmaxRegression or TwoLayerNet",
            "dtype": "expected float64 or float32",
        }
        wrong = [
            None,
            [1],
            {"a": 1},
            "many",
            "",
            float("nan"),
            float("inf"),
            -float("inf"),
            -1,
            "1,5",
        ]
        cases = [(key, value) for key in (*whole, *numbers, *names, "debug") for value in wrong]
        cases += [(key, value) for key in (*whole, *numbers, *names) for value in (True, False)]
        cases += [(key, value) for key in whole for value in (1.5, 1.0, "1e1", "2")]
        cases += [
            (key, 0) for key in ("batch_size", "epochs", "hidden_size", "learning_rate", "debug")
        ]
        cases += [(key, 10**9 + 1) for key in ("batch_size", "epochs", "hidden_size")]
        cases += [
            ("seed", 2**64),
            ("seed", 2**70),
            ("momentum", 1.5),
            ("reg", -1e-9),
            ("learning_rate", "-1e-3"),
        ]
        cases += [
            ("reg", "0.001"),
            ("learning_rate", "nan"),
            ("learning_rate", 10**400),
            ("debug", 1),
        ]
        cases += [
            ("dtype", "float16"),
            ("dtype", 64),
            ("type", "TwoLayerNetwork"),
            ("debug", "True"),
        ]
        expected = {**whole, **numbers, **names, "debug": "expected True or False"}
        for key, value in cases:
            section = "Model" if key in main.SECTIONS["Model"] else "Train"
            with self.subTest(key=key, value=str(value)[:20]):
                self.assert_refused(
                    self.changed(section, **{key: value}),
                    f"{section}: {key}: found {'nothing' if value is None else ''}",
                    expected[key],
                )

    def test_what_was_found_is_told(self):
        self.assert_refused(self.changed("Train", epochs="ten"), "epochs: found 'ten';")
        self.assert_refused(self.changed("Train", reg=-2), "reg: found -2;")
        self.assert_refused(self.changed("Train", reg="x" * 1000), "reg: found 'xxxxx", "...")

    def test_what_was_found_is_told_in_60_letters(self):
        for digits, expected in ((27, lambda text: text), (28, lambda text: f"{text[:57]}...")):
            numbers = [10**28, 10 ** (digits - 1)]
            self.assertEqual(len(str(numbers)), 33 + digits)
            self.assertEqual(main.found(numbers), expected(str(numbers)))

    def test_what_was_found_is_told_in_short_whatever_it_is(self):
        hexadecimal = "0x" + "f" * 5000
        text = yaml.safe_dump(GOOD)
        self.assert_refused(text.replace("64", hexadecimal), "batch_size: found a huge number;")
        # Each of these lists holds the one before it ten times.
        bomb = "&a0 [x]" + "".join(
            f", &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)
        )
        self.assert_refused(text.replace("64", f"[{bomb}]"), "batch_size: found [")

    def test_nearest_names(self):
        for section, wrong, right in (
            ("Train", "batchsize", "batch_size"),
            ("Train", "learning_rat", "learning_rate"),
            ("Train", "Epochs", "epochs"),
            ("Train", "LEARNING_RATE", "learning_rate"),
            ("Train", "regs", "reg"),
            ("Model", "hidden-size", "hidden_size"),
            ("Model", "Type", "type"),
        ):
            with self.subTest(wrong):
                self.assert_refused(
                    self.changed(section, **{wrong: 1}),
                    f"{section}: unknown key '{wrong}' (did you mean {right}?)",
                )
        for wrong in ("softmaxregression", "SoftmaxRegresion", "Softmax_Regression"):
            self.assert_refused(
                self.changed("Model", type=wrong), "did you mean SoftmaxRegression?"
            )
        self.assert_refused(self.changed("Model", type="twolayernet"), "did you mean TwoLayerNet?")
        self.assert_refused(
            {**GOOD, "train": GOOD["Train"]}, "section 'train' (did you mean Train?)"
        )

    def test_unknown_keys_without_a_near_one(self):
        for key in ("zzz", "lr", 5, None, True, ""):
            self.assert_refused(
                {**GOOD, "Train": {**GOOD["Train"], key: 1}},
                "Train: unknown key",
                "; expected batch_size, learning_rate, reg, epochs, momentum, debug, seed",
            )

    def test_keys_in_the_wrong_section(self):
        self.assert_refused(
            self.changed("Train", hidden_size=128),
            "unknown key 'hidden_size'; it belongs under Model",
        )
        self.assert_refused(
            self.changed("Model", epochs=1), "unknown key 'epochs'; it belongs under Train"
        )

    def test_sections(self):
        self.assert_refused({"Train": GOOD["Train"]}, "section Model is missing")
        self.assert_refused({"Model": GOOD["Model"]}, "section Train is missing")
        self.assert_refused(
            {**GOOD, "Data": {}}, "unknown section 'Data'; expected Train and Model"
        )
        self.assert_refused({**GOOD, 5: {}}, "unknown section 5")
        for content, found in ((None, "nothing"), ([1], "[1]"), (3, "3"), ("x", "'x'")):
            self.assert_refused(
                {**GOOD, "Train": content}, f"Train: found {found}; expected the keys"
            )
        self.assert_refused(GOOD["Train"], "unknown section")

    def test_duplicates(self):
        text = yaml.safe_dump(GOOD)
        self.assert_refused(
            text + "Model: {type: TwoLayerNet}\n",
            "line 8: is not valid YAML: 'Model' appears twice",
        )
        self.assert_refused(
            text.replace("epochs: 10", "epochs: 10\n  epochs: 20"), "'epochs' appears twice"
        )

    def test_no_yaml(self):
        for name, content, expected in (
            ("empty", b"", "found nothing; expected the sections Train and Model"),
            ("blank", b"\n \n", "found nothing"),
            ("a comment", b"# Train:\n", "found nothing"),
            ("a list", b"- Train\n", "found ['Train']"),
            ("text", b"Train\n", "found 'Train'"),
            ("a number", b"12\n", "found 12"),
            ("binary", bytes(range(256)), "not a text file"),
            ("zeros", bytes(100), "not valid YAML"),
            ("UTF-16", yaml.safe_dump(GOOD).encode("utf-16"), "not a text file"),
            ("a tab", b"Train:\n\tepochs: 1\n", "line 2: is not valid YAML"),
            ("no space", b"Train:\n  epochs: 1\n  reg:1\nModel: 1\n", "line 3: is not valid YAML"),
            ("no end", b'Train:\n  reg: "1\n  epochs: 1\n\n\n', "line 2: is not valid YAML"),
            ("a bracket", b"Train: {epochs: 1\n", "is not valid YAML"),
            (
                "HTML",
                b"<!DOCTYPE html>\n<html><body a='b'>404: Not found</body></html>\n",
                "line 2",
            ),
            ("two documents", b"Train: {}\n---\nModel: {}\n", "is not valid YAML"),
            (
                "a Python object",
                b"Train: !!python/object/apply:os.getcwd []\n",
                "could not determine a constructor",
            ),
            ("a month 13", b"Train: 2024-13-01\n", "is not valid YAML"),
            ("no truth value", b"Train: !!bool x\n", "is not valid YAML"),
            ("no time", b"Train: !!timestamp x\n", "is not valid YAML"),
            ("a deep list", b"[" * 5000, "is not valid YAML"),
            ("an unhashable key", b"? [a]\n: b\n", "is not valid YAML"),
            ("a list in itself", b"Train: &a [*a]\n", "Train: found [["),
            ("a section in itself", b"Train: &a {a: *a}\n", "Train: unknown key 'a'"),
            ("a document in itself", b"&a\nTrain: *a\nModel: {}\n", "Train: unknown key 'Train'"),
        ):
            with self.subTest(name):
                self.assert_refused(content, expected)

    def test_no_file(self):
        with self.assertRaisesRegex(FileNotFoundError, "missing.yaml: no such file; see configs/"):
            main.read_config(self.path.with_name("missing.yaml"))
        with self.assertRaisesRegex(main.ConfigError, "expected a YAML file"):
            main.read_config(self.path.parent)

    def test_size(self):
        good = yaml.safe_dump(GOOD)
        longest = good + "#" * (64_000 - len(good))
        self.assertEqual(self.read(longest), self.read(GOOD))
        # Cut in the middle of a letter, it would not even be text.
        self.assert_refused(
            longest[:-1] + "\u00e9" * 2, "is larger than 64,000 bytes; expected a config"
        )


if __name__ == "__main__":
    unittest.main()
