# Writes OUTPUT, a C++ source with the text of each of FILES (relative to SOURCE, separated by |), so
# that the program needs no file beside it.
string(REPLACE "|" ";" FILES "${FILES}")
set(text "// Made from src/cli/templates by embed.cmake.\n#include \"cli/templates.h\"\n\n")
string(APPEND text "namespace mesg::cli {\n\nconst std::vector<TemplateFile>& TemplateFiles() {\n")
string(APPEND text "  static const std::vector<TemplateFile> files = {\n")
foreach(file IN LISTS FILES)
  file(READ "${SOURCE}/${file}" content)
  string(APPEND text "      {\"${file}\", R\"mesg~(${content})mesg~\"},\n")
endforeach()
string(APPEND text "  };\n  return files;\n}\n\n}  // namespace mesg::cli\n")
file(WRITE "${OUTPUT}" "${text}")
