#pragma once

#include <string_view>
#include <vector>

namespace mesg::cli {

/// A file of templates/, in the program itself. @NAME@ and @SDK@ in it are to be filled in.
struct TemplateFile {
  std::string_view path;  ///< "javascript/index.js".
  std::string_view content;
};
const std::vector<TemplateFile>& TemplateFiles();

}  // namespace mesg::cli
