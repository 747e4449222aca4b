"""A check that cannot fail is no check: each rule is broken once, in a small tree of its own."""

import pathlib
import tempfile
import unittest

import layering

HOUSE = {
    "ARCHITECTURE.md": "# A\n\n## Code map\n\nsrc/store/  keeps\nsrc/base/  words\n\n## More\nsrc/app/\n",
    "src/base/README.md": "base",
    "src/base/CMakeLists.txt": "mesg_module(base\n  SOURCES result.cc\n  TESTS result_test.cc)\n",
    "src/base/result.h": "#pragma once\n",
    "src/base/result.cc": '#include "base/result.h"\n',
    "src/base/result_test.cc": '#include "base/result.h"\n#include <gtest/gtest.h>\n',
    "src/store/README.md": "store",
    "src/store/CMakeLists.txt": "mesg_module(store\n  DEPENDS mesg::base)\n",
    "src/store/store.h": '#pragma once\n#include "base/result.h"\n',
    "src/store/rocksdb/CMakeLists.txt":
        "mesg_module(rocksdb_store\n  SOURCES rocks.cc\n  DEPENDS mesg::base mesg::store)\n",
    "src/store/rocksdb/rocks.h": '#pragma once\n#include "store/store.h"\n',
    "src/store/rocksdb/rocks.cc": '#include "store/rocksdb/rocks.h"\n#include <rocksdb/db.h>\n',
}


class LayeringTest(unittest.TestCase):
    def breaches(self, changes):
        """The breaches of the house above after `changes` (path -> text, None to remove)."""
        with tempfile.TemporaryDirectory() as folder:
            for path, text in {**HOUSE, **changes}.items():
                if text is None:
                    continue
                file = pathlib.Path(folder) / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
            return layering.check(folder)

    def assert_breach(self, changes, *parts):
        found = self.breaches(changes)
        self.assertEqual(len(found), 1, found)
        for part in parts:
            self.assertIn(part, found[0])

    def test_a_house_in_order_has_no_breach(self):
        self.assertEqual(self.breaches({}), [])

    def test_an_arrow_that_points_up(self):
        self.assert_breach(
            {"src/base/CMakeLists.txt": "mesg_module(base SOURCES result.cc DEPENDS mesg::store)\n"},
            "src/base/CMakeLists.txt:1", "base may not depend on store", "arrows point down")

    def test_an_implementation_named_by_a_user_of_its_interface(self):
        changes = {"src/engine/CMakeLists.txt":
                       "mesg_module(engine DEPENDS mesg::store mesg::rocksdb_store)\n",
                   "ARCHITECTURE.md": HOUSE["ARCHITECTURE.md"].replace(
                       "src/base/", "src/engine/ decides\nsrc/base/")}
        self.assert_breach(changes, "engine may depend on store, not on its implementation")

    def test_an_include_without_a_declared_arrow(self):
        self.assert_breach({"src/store/CMakeLists.txt": "mesg_module(store DEPENDS fmt::fmt)\n"},
                           "src/store/store.h:2", "mesg::base", "does not declare")

    def test_an_include_without_a_declared_arrow_between_modules_of_one_room(self):
        self.assert_breach(
            {"src/store/rocksdb/CMakeLists.txt":
                 "mesg_module(rocksdb_store SOURCES rocks.cc DEPENDS mesg::base)\n"},
            "src/store/rocksdb/rocks.h:2", "mesg::store")

    def test_a_type_that_is_defined_twice(self):
        header = "#pragma once\nnamespace mesg {{\nstruct {} {{\n  int a;\n}};\n}}  // namespace mesg\n"
        self.assertEqual(self.breaches({"src/base/a.h": header.format("A"),
                                        "src/base/b.h": header.format("B")}), [])
        self.assert_breach({"src/base/a.h": header.format("A"),
                            "src/base/b.h": header.format("A : public B")},
                           "src/base/b.h:3", "mesg::A is another type in src/base/a.h:3")

    def test_types_of_unnamed_namespaces_are_apart(self):
        source = "namespace mesg {\nnamespace {\nclass A {\n};\n}  // namespace\n}  // namespace mesg\n"
        self.assertEqual(self.breaches({"src/base/a.cc": source, "src/base/b.cc": source}), [])

    def test_a_commented_arrow_is_no_arrow(self):
        self.assert_breach(
            {"src/store/CMakeLists.txt": "mesg_module(store\n  # DEPENDS mesg::base\n)\n"},
            "src/store/store.h:2", "mesg::base")

    def test_a_dependency_of_tests_is_for_tests_only(self):
        uses_store = '#pragma once\n#include "store/store.h"\n'
        cmake = ("mesg_module(base SOURCES result.cc TESTS result_test.cc "
                 "TEST_DEPENDS mesg::store)\n")
        self.assertEqual(self.breaches({"src/base/CMakeLists.txt": cmake,
                                        "src/base/result_test.cc": uses_store}), [])
        self.assert_breach({"src/base/CMakeLists.txt": cmake, "src/base/result.cc": uses_store},
                           "src/base/result.cc:2", "mesg::store")

    def test_a_dependency_nobody_declares(self):
        self.assert_breach(
            {"src/store/CMakeLists.txt": "mesg_module(store DEPENDS mesg::base mesg::nowhere)\n"},
            "mesg::nowhere is not declared")

    def test_a_folder_that_is_no_room(self):
        self.assert_breach({"src/util/CMakeLists.txt": "mesg_module(util)\n",
                            "ARCHITECTURE.md": HOUSE["ARCHITECTURE.md"].replace(
                                "src/base/", "src/util/ odds\nsrc/base/")},
                           "src/util is not a room")

    def test_the_command_line_sees_only_the_wire_and_base(self):
        self.assert_breach({"src/cli/CMakeLists.txt": "mesg_module(cli DEPENDS mesg::store)\n",
                            "ARCHITECTURE.md": HOUSE["ARCHITECTURE.md"].replace(
                                "src/base/", "src/cli/ commands\nsrc/base/")},
                           "cli may depend on base, cli, proto only", "not on store")

    def test_the_sdk_sees_only_the_wire_and_base(self):
        self.assert_breach({"sdk/cpp/CMakeLists.txt": "mesg_module(sdk DEPENDS mesg::store)\n"},
                           "sdk may depend on", "not on store")

    def test_generated_code_without_a_declared_arrow(self):
        self.assert_breach({"src/base/result.cc": '#include "mesg/v1/types.pb.h"\n'},
                           "src/base/result.cc:1", "mesg::proto")

    def test_a_third_party_header_outside_its_adapter(self):
        self.assert_breach({"src/base/result.cc": "#include <rocksdb/db.h>\n"},
                           "src/base/result.cc:1", "rocksdb/db.h", "only by src/store/rocksdb/")

    def test_a_third_party_header_that_leaves_its_adapter_in_a_header_of_ours(self):
        self.assert_breach(
            {"src/store/rocksdb/rocks.h": "#pragma once\n#include <rocksdb/db.h>\n",
             "src/store/CMakeLists.txt":
                 "mesg_module(store DEPENDS mesg::base mesg::rocksdb_store)\n",
             "src/store/open.cc": '#include "store/rocksdb/rocks.h"\n'},
            "src/store/open.cc:1", "rocks.h brings it along")

    def test_an_include_that_is_not_from_src(self):
        self.assert_breach({"src/base/result.cc": '#include "result.h"\n'},
                           "src/base/result.cc:1", 'include "base/result.h"')

    def test_a_header_without_pragma_once(self):
        self.assert_breach({"src/base/result.h": "#ifndef H\n#define H\n#endif\n"},
                           "src/base/result.h:1", "#pragma once")

    def test_a_room_without_a_readme(self):
        self.assert_breach({"src/store/README.md": None}, "src/store", "README.md")

    def test_a_code_map_that_misses_a_room(self):
        self.assert_breach({"ARCHITECTURE.md": "## Code map\nsrc/base/ words\n"},
                           "does not list src/store/")

    def test_a_code_map_that_lists_what_is_not_there(self):
        self.assert_breach(
            {"ARCHITECTURE.md": HOUSE["ARCHITECTURE.md"].replace("src/base/",
                                                                 "src/attic/ old\nsrc/base/")},
            "lists src/attic/")

    def test_a_missing_architecture_document(self):
        self.assert_breach({"ARCHITECTURE.md": None}, "ARCHITECTURE.md", "missing")

    def test_a_link_that_leads_nowhere(self):
        page = "[base](../src/base/README.md) [web](https://example.org) [part](#part)\n"
        self.assertEqual(self.breaches({"docs/page.md": page}), [])
        self.assert_breach({"docs/page.md": page + "[gone](gone.md#part)\n"},
                           "docs/page.md:2", "links to gone.md")

    def test_text_that_only_makes_sense_on_one_machine(self):
        for line in ["see /wor" "k/notes", "cd /hom" "e/ann/mesg", "https://registry." "npmjs.org/x"]:
            self.assert_breach({"docs/page.md": f"one\n{line}\n"}, "docs/page.md:2")

    def test_text_that_merely_looks_like_it(self):
        self.assertEqual(self.breaches({"docs/page.md": "src/work/ ~/work/x /workers/ $HOME/x\n"}),
                         [])

    def test_unfinished_work(self):
        self.assert_breach({"src/base/result.h": "#pragma once\n// TO" "DO: later\n"},
                           "src/base/result.h:2", "unfinished")


if __name__ == "__main__":
    unittest.main()
