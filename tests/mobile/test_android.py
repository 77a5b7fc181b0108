#!/usr/bin/env python3
"""The app's Android project, as far as it can be looked at without Android's own tools.

- Each permission in the manifest has a use in the code, and each use has its permission.
- The manifest and the resources are well-formed (xmllint), and Debian's aapt packs them.
- Each name that Kotlin and the manifest refer to is there: resources, classes, the plugin that Rust registers.
- French has every text that English has.
"""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAIN = ROOT / "src-tauri/gen/android/app/src/main"
LIBRARY = ROOT / "mobile/android/cooee/src/main"
FRAMEWORK = Path("/usr/share/android-framework-res/framework-res.apk")
ANDROID = "{http://schemas.android.com/apk/res/android}"
PREFIX = "android.permission."

# What shows that a permission is used: a pattern in Kotlin, in the manifest, or in Rust. Where the pattern is found
# without the permission, the permission is missing.
USES = {
    "INTERNET": ("rust", r"TcpStream|UdpSocket"),
    "RECORD_AUDIO": ("kotlin", r"Manifest\.permission\.RECORD_AUDIO"),
    "MODIFY_AUDIO_SETTINGS": ("kotlin", r"\.mode = AudioManager\.MODE_"),
    "BLUETOOTH_CONNECT": ("kotlin", r"AudioDeviceInfo\.TYPE_(BLE_HEADSET|BLUETOOTH_SCO)"),
    "POST_NOTIFICATIONS": ("kotlin", r"\.notify\(|startForeground\("),
    "USE_FULL_SCREEN_INTENT": ("kotlin", r"setFullScreenIntent\("),
    "FOREGROUND_SERVICE": ("kotlin", r"startForegroundService\("),
    "FOREGROUND_SERVICE_PHONE_CALL": ("manifest", r"foregroundServiceType=\"[^\"]*phoneCall"),
    "FOREGROUND_SERVICE_MICROPHONE": ("manifest", r"foregroundServiceType=\"[^\"]*microphone"),
    "MANAGE_OWN_CALLS": ("manifest", r"foregroundServiceType=\"[^\"]*phoneCall"),
}
# What of these the library itself declares.
OF_THE_LIBRARY = {"INTERNET", "RECORD_AUDIO", "MODIFY_AUDIO_SETTINGS", "BLUETOOTH_CONNECT"}
# What the code may ask about by name, beside those that it uses.
MENTIONED = re.compile(r"Manifest\.permission\.([A-Z_]+)")


def without_comments(text):
    text = re.sub(r"<!--.*?-->|/\*.*?\*/", "", text, flags=re.DOTALL)
    return re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)


def read(paths):
    return "\n".join(without_comments(path.read_text()) for path in paths)


def declared(manifest):
    names = {element.get(f"{ANDROID}name") for element in ET.parse(manifest).getroot().iter("uses-permission")}
    return {name.removeprefix(PREFIX) for name in names}


def sources(main):
    return {
        "kotlin": read(path for path in main.rglob("*.kt") if path.name != "cooee.kt"),
        "manifest": read([main / "AndroidManifest.xml"]),
        "rust": read(sorted((ROOT / "sdk/client/src").rglob("*.rs"))),
    }


def wrong_permissions(permissions, texts, uses):
    """One sentence for each permission without a use, and for each use without its permission."""
    wrong = [f"{name} is declared, and nothing is known to use it" for name in sorted(permissions - set(uses))]
    for name, (where, pattern) in uses.items():
        used = re.search(pattern, texts[where]) is not None
        if name in permissions and not used:
            wrong.append(f"{name} is declared and not used")
        if name not in permissions and used:
            wrong.append(f"{name} is used and not declared")
    for name in sorted(set(MENTIONED.findall(texts["kotlin"])) - permissions):
        wrong.append(f"{name} is asked for and not declared")
    return wrong


class Permissions(unittest.TestCase):
    def test_the_app_declares_what_it_uses_and_nothing_else(self):
        self.assertEqual(wrong_permissions(declared(MAIN / "AndroidManifest.xml"), sources(MAIN), USES), [])

    def test_so_does_the_library(self):
        uses = {name: use for name, use in USES.items() if name in OF_THE_LIBRARY}
        found = wrong_permissions(declared(LIBRARY / "AndroidManifest.xml"), sources(LIBRARY), uses)
        self.assertEqual(found, [])

    def test_both_mistakes_are_found(self):
        texts = {"kotlin": "audio.mode = AudioManager.MODE_NORMAL", "manifest": "", "rust": ""}
        uses = {name: USES[name] for name in ("MODIFY_AUDIO_SETTINGS", "USE_FULL_SCREEN_INTENT")}
        self.assertEqual(wrong_permissions({"USE_FULL_SCREEN_INTENT", "CAMERA"}, texts, uses), [
            "CAMERA is declared, and nothing is known to use it",
            "MODIFY_AUDIO_SETTINGS is used and not declared",
            "USE_FULL_SCREEN_INTENT is declared and not used",
        ])


class Names(unittest.TestCase):
    def setUp(self):
        self.kotlin = sources(MAIN)["kotlin"]
        self.manifest = sources(MAIN)["manifest"]

    def test_what_the_manifest_names_is_there(self):
        for name in re.findall(r"android:name=\"\.(\w+)\"", self.manifest):
            self.assertRegex(self.kotlin, rf"\bclass {name}\b")

    def test_resources_that_are_named_are_there(self):
        values = read(sorted((MAIN / "res/values").glob("*.xml")))
        named = set(re.findall(r"(?<!android\.)\bR\.(\w+)\.(\w+)", self.kotlin))
        named |= set(re.findall(r"\"@(\w+)/(\w+)\"", self.manifest))
        for kind, name in named:
            files = list((MAIN / "res").glob(f"{kind}*/{name}.*"))
            defined = re.search(rf"<(style|string|color) name=\"{re.escape(name)}\"", values)
            self.assertTrue(files or defined or kind == "style", f"{kind}/{name}")

    def test_the_plugin_and_its_commands_are_those_that_rust_calls(self):
        rust = (ROOT / "src-tauri/src/system/mobile/android.rs").read_text()
        package, name = re.search(r"register_android_plugin\(\"([\w.]+)\", \"(\w+)\"\)", rust).groups()
        plugin = MAIN / "java" / package.replace(".", "/") / f"{name}.kt"
        commands = set(re.findall(r"@Command\s+fun (\w+)", plugin.read_text()))
        self.assertEqual(set(re.findall(r"\.run\(\"(\w+)\"", rust)), commands)

    def test_the_page_and_the_activity_call_each_other_by_the_same_names(self):
        activity = (MAIN / "java/org/cooee/app/MainActivity.kt").read_text()
        page = "\n".join(path.read_text() for path in sorted((ROOT / "ui/src/lib/stores").glob("*.ts")))
        called, = re.findall(r"window\.(\w+)\?\.\(\)", activity)
        self.assertIn(f"window.{called} =", page)
        name, = re.findall(r"addJavascriptInterface\(\w+\(\), \"(\w+)\"\)", activity)
        offered = set(re.findall(r"@JavascriptInterface\s+fun (\w+)", activity))
        self.assertEqual(set(re.findall(rf"window\.{name}\.(\w+)\(", page)) & offered, offered)

    def test_french_says_what_english_says(self):
        def texts(folder):
            strings = ET.parse(MAIN / "res" / folder / "strings.xml").getroot()
            return {text.get("name"): re.findall(r"%\d\$s", text.text or "")
                    for text in strings if text.get("translatable") != "false"}
        self.assertEqual(texts("values"), texts("values-fr"))

    def test_it_runs_from_android_8_on(self):
        gradle = (MAIN.parents[1] / "build.gradle.kts").read_text()
        self.assertIn("minSdk = 26\n", gradle)
        self.assertIn("minSdk = 26\n", (LIBRARY.parents[1] / "build.gradle.kts").read_text())


class Tools(unittest.TestCase):
    def missing(self, tool):
        if os.environ.get("COOEE_SKIP_NOTHING"):
            self.fail(f"{tool} is missing: script/bootstrap --test")
        self.skipTest(f"{tool} is missing")

    def test_xml_is_well_formed(self):
        if not shutil.which("xmllint"):
            self.missing("xmllint")
        files = [*MAIN.rglob("*.xml"), *LIBRARY.rglob("*.xml"),
                 *sorted((ROOT / "src-tauri").glob("*.plist"))]
        subprocess.run(["xmllint", "--noout", "--nonet", *files], check=True)

    def test_aapt_packs_the_resources(self):
        if not shutil.which("aapt") or not FRAMEWORK.exists():
            self.missing("aapt")
        with tempfile.TemporaryDirectory() as folder:
            # Debian's framework is Android 10's and there are no libraries: what comes out of them is put aside.
            main = Path(folder) / "main"
            shutil.copytree(MAIN, main, ignore=shutil.ignore_patterns("java"))
            for theme in main.glob("res/values*/themes.xml"):
                text = theme.read_text().replace("Theme.Material3.DayNight.NoActionBar",
                                                 "android:Theme.Material.NoActionBar")
                theme.write_text(text)
            manifest = main / "AndroidManifest.xml"
            text = manifest.read_text().replace("${applicationId}", "org.cooee.app")
            text = re.sub(r"\s*android:enableOnBackInvokedCallback=\"true\"", "", text)
            text = text.replace("phoneCall|microphone", "phoneCall")
            manifest.write_text(text.replace("<manifest ", "<manifest package=\"org.cooee.app\" ", 1))
            packed = subprocess.run(
                ["aapt", "package", "-f", "-M", manifest, "-S", main / "res", "-I", FRAMEWORK,
                 "--min-sdk-version", "26", "--target-sdk-version", "29", "-F", Path(folder) / "out.apk"],
                capture_output=True, text=True)
            self.assertEqual(packed.returncode, 0, packed.stderr)
            badging = subprocess.run(["aapt", "dump", "badging", Path(folder) / "out.apk"], check=True,
                                     capture_output=True, text=True).stdout
        self.assertIn("launchable-activity: name='org.cooee.app.MainActivity'", badging)
        self.assertIn("locales: '--_--' 'fr'", badging)


class Apple(unittest.TestCase):
    def test_what_ios_needs_is_said_in_both_languages(self):
        import plistlib
        with open(ROOT / "src-tauri/Info.ios.plist", "rb") as file:
            information = plistlib.load(file)
        self.assertIn("NSMicrophoneUsageDescription", information)
        self.assertEqual(set(information["UIBackgroundModes"]), {"audio", "voip"})
        for language in ("en", "fr"):
            strings = (ROOT / f"src-tauri/ios/{language}.lproj/InfoPlist.strings").read_text()
            for key in information:
                if key.endswith("UsageDescription"):
                    self.assertRegex(strings, rf"\"?{key}\"? = \".+\";")


if __name__ == "__main__":
    unittest.main()
