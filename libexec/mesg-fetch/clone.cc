// Files are written from the repository's objects by our own hand, not checked out: nothing in a
// repository (attributes, filters, hooks, submodules, links) has any effect.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <git2.h>

#include "base/encoding.h"
#include "tasks.h"

namespace mesg::fetch {
namespace {

template <typename T>
using Owned = std::unique_ptr<T, void (*)(T*)>;

/// Received from the network, or read from the repository.
struct Wire {
  Report& report;
  std::uint64_t limit;
  bool local;  ///< A repository of this machine.
  bool too_large = false;
  bool asked_agent = false;
};

int OnTransfer(const git_indexer_progress* progress, void* context) {
  Wire& wire = *static_cast<Wire*>(context);
  if (progress->received_bytes > wire.limit) {
    wire.too_large = true;
    return GIT_EUSER;
  }
  wire.report.Progress(fmt::format("receiving objects, {} of {}", progress->received_objects,
                                   progress->total_objects));
  return 0;
}

int OnCredentials(git_credential** out, const char*, const char* user, unsigned int allowed,
                  void* context) {
  Wire& wire = *static_cast<Wire*>(context);
  if ((allowed & GIT_CREDENTIAL_SSH_KEY) == 0 || wire.asked_agent) return GIT_EAUTH;
  wire.asked_agent = true;  // Or it would be asked for ever.
  return git_credential_ssh_key_from_agent(out, user == nullptr ? "git" : user);
}

Error Explain(int code, const Wire& wire) {
  if (wire.too_large) {
    return ResourceExhausted("the repository sends more than {} MiB", wire.limit >> 20);
  }
  const git_error* last = git_error_last();
  const std::string why =
      last == nullptr || last->message == nullptr ? "unknown error" : last->message;
  if (code == GIT_EAUTH) return Unauthenticated("the repository asks for a login: {}", why);
  // A file URL that leads nowhere is reported as an error of the operating system.
  const bool no_file = wire.local && last != nullptr && last->klass == GIT_ERROR_OS;
  if (code == GIT_ENOTFOUND || no_file) return NotFound("there is no such repository: {}", why);
  if (code == GIT_ECERTIFICATE) return PermissionDenied("its certificate is not trusted: {}", why);
  return Unavailable("git: {}", why);
}

bool LooksLikeCommit(const std::string& ref) {
  return ref.size() >= 7 && ref.size() <= GIT_OID_HEXSZ &&
         ref.find_first_not_of("0123456789abcdef") == std::string::npos;
}

/// Writes the files of a tree.
class TreeWriter {
 public:
  TreeWriter(git_repository* repository, const runtime::HelperRequest& request, Report& report)
      : repository_(repository), request_(request), report_(report), budget_(request.limits) {}

  Result<void> Write(const git_tree* tree, const std::string& folder) {
    for (std::size_t i = 0; i < git_tree_entrycount(tree); ++i) {
      const git_tree_entry* entry = git_tree_entry_byindex(tree, i);
      const std::string name = git_tree_entry_name(entry);
      if (name.find('/') != std::string::npos || name == "." || name == "..") {
        return InvalidArgument("the repository holds the name {}, which would leave the folder",
                               QuoteJson(name));
      }
      if (name == ".git") continue;
      const std::string path = MESG_TRY(runtime::CleanPath(
          folder.empty() ? name : fmt::format("{}/{}", folder, name), request_.limits));
      MESG_TRY(budget_.AddFile());
      MESG_TRY(WriteEntry(entry, path));
    }
    return {};
  }

 private:
  Result<void> WriteEntry(const git_tree_entry* entry, const std::string& path) {
    switch (git_tree_entry_filemode(entry)) {
      case GIT_FILEMODE_TREE: {
        git_tree* inner = nullptr;
        if (git_tree_lookup(&inner, repository_, git_tree_entry_id(entry)) != 0)
          return Broken(path);
        const Owned<git_tree> owned(inner, git_tree_free);
        return Write(inner, path);
      }
      case GIT_FILEMODE_BLOB:
        return WriteBlob(entry, path, false);
      case GIT_FILEMODE_BLOB_EXECUTABLE:
        return WriteBlob(entry, path, true);
      case GIT_FILEMODE_LINK:
        return InvalidArgument(
            "{} is a symbolic link, but a service may hold files and folders only",
            QuoteJson(path));
      case GIT_FILEMODE_COMMIT:
        return InvalidArgument("{} is a submodule, which is not supported: put its files there",
                               QuoteJson(path));
      case GIT_FILEMODE_UNREADABLE:
        break;
    }
    return InvalidArgument("{} is of an unknown kind", QuoteJson(path));
  }

  Result<void> WriteBlob(const git_tree_entry* entry, const std::string& path, bool executable) {
    // Its size first: a small pack can hold a huge file.
    git_odb* raw = nullptr;
    if (git_repository_odb(&raw, repository_) != 0) return Broken(path);
    const Owned<git_odb> objects(raw, git_odb_free);
    std::size_t size = 0;
    git_object_t type = GIT_OBJECT_INVALID;
    if (git_odb_read_header(&size, &type, raw, git_tree_entry_id(entry)) != 0) return Broken(path);
    if (type != GIT_OBJECT_BLOB) return Broken(path);
    MESG_TRY(budget_.AddBytes(size));
    git_blob* blob = nullptr;
    if (git_blob_lookup(&blob, repository_, git_tree_entry_id(entry)) != 0) return Broken(path);
    const Owned<git_blob> owned(blob, git_blob_free);
    if (static_cast<std::size_t>(git_blob_rawsize(blob)) != size) return Broken(path);
    const runtime::UniqueFd file = MESG_TRY(CreateFile(request_.into, path, executable));
    MESG_TRY(WriteAll(file, git_blob_rawcontent(blob), size));
    report_.Progress(fmt::format("wrote {} files, {}", budget_.Files(), Size(budget_.Bytes())));
    return {};
  }

  static Error Broken(const std::string& path) {
    return InvalidArgument("the repository is damaged at {}", QuoteJson(path));
  }

  git_repository* repository_;
  const runtime::HelperRequest& request_;
  Report& report_;
  runtime::FetchBudget budget_;
};

/// One fetch of one ref.
class Cloner {
 public:
  Cloner(const runtime::HelperRequest& request, Report& report)
      : request_(request),
        report_(report),
        wire_{report, request.limits.max_archive_bytes, request.from.starts_with("file://")} {}

  Result<runtime::HelperDone> Run() {
    const std::string store = request_.into + ".git";
    git_repository* repository = nullptr;
    int code = git_repository_init(&repository, store.c_str(), /*is_bare=*/1);
    if (code != 0) return Explain(code, wire_);
    const Owned<git_repository> owned(repository, git_repository_free);
    repository_ = repository;
    const std::string name = MESG_TRY(FetchRef());
    git_object* found = nullptr;
    code = git_revparse_single(&found, repository, (name + "^{commit}").c_str());
    if (code != 0) return NoSuchRef();
    const Owned<git_object> object(found, git_object_free);
    git_tree* tree = nullptr;
    code = git_commit_tree(&tree, reinterpret_cast<git_commit*>(found));
    if (code != 0) return Explain(code, wire_);
    const Owned<git_tree> owned_tree(tree, git_tree_free);
    std::error_code error;
    std::filesystem::create_directories(request_.into, error);
    MESG_TRY(TreeWriter(repository, request_, report_).Write(tree, ""));
    std::string commit(GIT_OID_HEXSZ, '\0');
    git_oid_fmt(commit.data(), git_object_id(found));
    return runtime::HelperDone{commit};
  }

 private:
  git_remote_callbacks Callbacks() {
    git_remote_callbacks callbacks;
    git_remote_init_callbacks(&callbacks, GIT_REMOTE_CALLBACKS_VERSION);
    callbacks.transfer_progress = OnTransfer;
    callbacks.credentials = OnCredentials;
    callbacks.payload = &wire_;
    return callbacks;
  }

  /// What is wanted, in this repository; how it is called here.
  Result<std::string> FetchRef() {
    git_remote* remote = nullptr;
    int code = git_remote_create_anonymous(&remote, repository_, request_.from.c_str());
    if (code != 0) return Explain(code, wire_);
    const Owned<git_remote> owned(remote, git_remote_free);
    const git_remote_callbacks callbacks = Callbacks();
    code = git_remote_connect(remote, GIT_DIRECTION_FETCH, &callbacks, nullptr, nullptr);
    if (code != 0) return Explain(code, wire_);
    const git_remote_head** heads = nullptr;
    std::size_t count = 0;
    code = git_remote_ls(&heads, &count, remote);
    if (code != 0) return Explain(code, wire_);
    if (count == 0) return NotFound("the repository is empty");
    const auto full = FullName(heads, count);
    std::vector<std::string> specs;
    if (full) {
      specs = {"+" + *full + ":refs/mesg/wanted"};
    } else if (LooksLikeCommit(request_.ref)) {  // Servers give away what a name leads to only.
      specs = {"+refs/heads/*:refs/mesg/heads/*", "+refs/tags/*:refs/mesg/tags/*"};
    } else {
      return NoSuchRef();
    }
    git_fetch_options options;
    git_fetch_options_init(&options, GIT_FETCH_OPTIONS_VERSION);
    options.callbacks = callbacks;
    options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
    options.update_fetchhead = 0;
    std::vector<char*> pointers;
    for (std::string& spec : specs) pointers.push_back(spec.data());
    const git_strarray wanted = {pointers.data(), pointers.size()};
    code = git_remote_fetch(remote, &wanted, &options, nullptr);
    if (code != 0) return Explain(code, wire_);
    return full ? std::string("refs/mesg/wanted") : request_.ref;
  }

  std::optional<std::string> FullName(const git_remote_head** heads, std::size_t count) const {
    const std::string& ref = request_.ref;
    const std::vector<std::string> candidates =
        ref.empty() ? std::vector<std::string>{"HEAD"}
                    : std::vector<std::string>{"refs/heads/" + ref, "refs/tags/" + ref, ref};
    for (const std::string& candidate : candidates) {
      for (std::size_t i = 0; i < count; ++i) {
        if (heads[i]->name == candidate) return candidate;
      }
    }
    return std::nullopt;
  }

  Error NoSuchRef() const {
    return NotFound("the repository has no branch, tag or commit \"{}\"", request_.ref);
  }

  const runtime::HelperRequest& request_;
  Report& report_;
  Wire wire_;
  git_repository* repository_ = nullptr;
};

/// libgit2, while it is in use.
struct Library {
  Library() { git_libgit2_init(); }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() { git_libgit2_shutdown(); }
};

}  // namespace

Result<runtime::HelperDone> Clone(const runtime::HelperRequest& request, Report& report) {
  const Library library;
  // No settings of this machine: what is fetched must not depend on them.
  for (const int level : {GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_GLOBAL,
                          GIT_CONFIG_LEVEL_PROGRAMDATA}) {
    git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
  }
  return Cloner(request, report).Run();
}

}  // namespace mesg::fetch
