// mesg-eval: evaluates the expressions of application files that only libjq can. jq 1.6 has no
// interrupt and no limit of memory, and some inputs make it abort or run for ever: so it does that
// here, where Core limits memory, and ends the process when an answer does not come.
//
// For each line of standard input a line of standard output:
//
//   {"program": "jq source", "input": anything}
//   {"value": anything}  or  {"error": "message"}  or  {"broken": "message"}
//
// The value is the only one the program gives for the input; none or several are an error. A
// program that does not compile is broken.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

extern "C" {
#include <jq.h>
#include <jv.h>
}
#include <unistd.h>

namespace mesg::eval {
namespace {

// Compiling takes some 15 ms, most of it for jq's own definitions, and about a megabyte is kept.
constexpr std::size_t kMostPrograms = 64;

struct Teardown {
  void operator()(jq_state* state) const { jq_teardown(&state); }
};
using Program = std::unique_ptr<jq_state, Teardown>;

void KeepMessage(void* data, jv message) {
  auto& kept = *static_cast<std::string*>(data);
  if (jv_get_kind(message) == JV_KIND_STRING && kept.empty()) kept = jv_string_value(message);
  jv_free(message);
}

// The programs that were compiled last.
class Programs {
 public:
  // Null with a message when it does not compile.
  jq_state* Find(const std::string& source, std::string& message) {
    if (const auto found = programs_.find(source); found != programs_.end()) {
      return found->second.get();
    }
    Program program(jq_init());
    if (program == nullptr) {
      message = "jq does not start";
      return nullptr;
    }
    jq_set_error_cb(program.get(), &KeepMessage, &message);
    if (jq_compile(program.get(), source.c_str()) == 0) {
      if (message.empty()) message = "the program does not compile";
      return nullptr;
    }
    jq_set_error_cb(program.get(), nullptr, nullptr);
    if (order_.size() == kMostPrograms) {
      programs_.erase(order_.front());
      order_.pop_front();
    }
    order_.push_back(source);
    return programs_.emplace(source, std::move(program)).first->second.get();
  }

 private:
  std::unordered_map<std::string, Program> programs_;
  std::deque<std::string> order_;
};

jv Answer(const char* key, jv value) { return jv_object_set(jv_object(), jv_string(key), value); }
jv Refuse(const char* message) { return Answer("error", jv_string(message)); }

// What an invalid value says: a text as it is, anything else as JSON.
jv MessageOf(jv invalid) {
  jv message = jv_invalid_get_msg(invalid);
  return jv_get_kind(message) == JV_KIND_STRING ? message : jv_dump_string(message, 0);
}

jv Run(jq_state* program, jv input) {
  jq_start(program, input, 0);
  jv value = jq_next(program);
  if (!jv_is_valid(value)) {
    if (!jv_invalid_has_msg(jv_copy(value))) {
      jv_free(value);
      return Refuse("it gives no value");
    }
    return Answer("error", MessageOf(value));
  }
  jv second = jq_next(program);
  const bool only = !jv_is_valid(second) && !jv_invalid_has_msg(jv_copy(second));
  if (only) {
    jv_free(second);
    return Answer("value", value);
  }
  jv_free(value);
  if (!jv_is_valid(second)) return Answer("error", MessageOf(second));
  jv_free(second);
  return Refuse("it gives more than one value, put brackets around it for a list");
}

jv Serve(Programs& programs, jv request) {
  if (jv_get_kind(request) != JV_KIND_OBJECT) {
    jv_free(request);
    return Refuse("the request is no object");
  }
  jv source = jv_object_get(jv_copy(request), jv_string("program"));
  jv input = jv_object_get(request, jv_string("input"));
  if (jv_get_kind(source) != JV_KIND_STRING || !jv_is_valid(input)) {
    jv_free(source);
    jv_free(input);
    return Refuse("the request has no program or no input");
  }
  std::string message;
  jq_state* const program = programs.Find(jv_string_value(source), message);
  jv_free(source);
  if (program == nullptr) {
    jv_free(input);
    return Answer("broken", jv_string(message.c_str()));
  }
  return Run(program, input);
}

int Main() {
  Programs programs;
  char* line = nullptr;
  std::size_t capacity = 0;
  for (;;) {
    const ssize_t length = getline(&line, &capacity, stdin);
    if (length <= 0) return 0;
    jv request = jv_parse_sized(line, static_cast<int>(length));
    jv answer = jv_dump_string(Serve(programs, request), 0);
    const char* const text = jv_string_value(answer);
    const std::size_t size = static_cast<std::size_t>(jv_string_length_bytes(jv_copy(answer)));
    const bool written = std::fwrite(text, 1, size, stdout) == size &&
                         std::fputc('\n', stdout) != EOF && std::fflush(stdout) == 0;
    jv_free(answer);
    if (!written) return 1;
  }
}

}  // namespace
}  // namespace mesg::eval

int main() {
  // What is cached need not be freed.
  _exit(mesg::eval::Main());
}
