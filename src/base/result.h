#pragma once

#include <cstdint>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

namespace mesg {

/// gRPC's canonical status codes, with their numbers, so that the wire needs no table.
/// Source: https://grpc.io/docs/guides/status-codes/
enum class Code : std::uint8_t {
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

/// The code's canonical name, "INVALID_ARGUMENT".
std::string_view Name(Code code);

/// One thing that is wrong with an input, for a machine to show beside the field.
struct Violation {
  std::string path;    ///< Where, as a person would write it: `items[3].price`. May be empty.
  std::string reason;  ///< What was expected and what came: "expected a Number, got a String".
  int line = 0;        ///< 1-based position in a source file, 0 when there is no file.
  int column = 0;
  bool operator==(const Violation&) const = default;
};

/// Why something was refused or failed. `message` is a sentence for a person that names the thing,
/// what it is and what was expected.
struct Error {
  Code code = Code::kUnknown;
  std::string message;
  std::string reason =
      {};  ///< Machine-readable, UPPER_SNAKE_CASE, e.g. "EVENT_NOT_FOUND"; may be empty.
  std::vector<Violation> violations = {};

  /// The same error, with a machine-readable reason.
  Error&& Because(std::string why) && {
    reason = std::move(why);
    return std::move(*this);
  }
  bool operator==(const Error&) const = default;
};

namespace internal {
[[noreturn]] void DieOnWrongResultAccess(const Error* error);
}

/// Holds a T or an Error; the members are those of std::expected<T, Error>, which g++ 12 offers
/// only in C++23. Reading the value of a failed Result is a bug and aborts.
template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  using error_type = Error;

  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  template <typename U>
  requires(std::is_convertible_v<U&&, T> && !std::is_same_v<std::decay_t<U>, T> &&
           !std::is_same_v<std::decay_t<U>, Error> && !std::is_same_v<std::decay_t<U>, Result>)
      // NOLINTNEXTLINE(google-explicit-constructor, bugprone-forwarding-reference-overload)
      Result(U&& value)
      : state_(std::in_place_index<0>, std::forward<U>(value)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & { return Checked(); }
  const T& value() const& { return const_cast<Result*>(this)->Checked(); }
  T&& value() && { return std::move(Checked()); }
  T& operator*() & { return Checked(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(Checked()); }
  T* operator->() { return &Checked(); }
  const T* operator->() const { return &value(); }
  template <typename U>
  T value_or(U&& other) const& {
    return has_value() ? **this : static_cast<T>(std::forward<U>(other));
  }

  Error& error() & { return CheckedError(); }
  const Error& error() const& { return const_cast<Result*>(this)->CheckedError(); }
  Error&& error() && { return std::move(CheckedError()); }

 private:
  T& Checked() {
    if (!has_value()) internal::DieOnWrongResultAccess(&std::get<1>(state_));
    return std::get<0>(state_);
  }
  Error& CheckedError() {
    if (has_value()) internal::DieOnWrongResultAccess(nullptr);
    return std::get<1>(state_);
  }
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;
  using error_type = Error;

  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool has_value() const { return !error_.has_value(); }
  explicit operator bool() const { return has_value(); }
  void value() const {
    if (error_) internal::DieOnWrongResultAccess(&*error_);
  }
  void operator*() const { value(); }
  const Error& error() const& {
    if (!error_) internal::DieOnWrongResultAccess(nullptr);
    return *error_;
  }
  Error&& error() && {
    if (!error_) internal::DieOnWrongResultAccess(nullptr);
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

#define MESG_DEFINE_ERROR(name)                                                    \
  template <typename... Args>                                                      \
  Error name(fmt::format_string<Args...> format, Args&&... args) {                 \
    return Error{Code::k##name, fmt::format(format, std::forward<Args>(args)...)}; \
  }

/// Cancelled("..."), NotFound("service {} ...", sid) and so on build the Error of that code.
MESG_DEFINE_ERROR(Cancelled)
MESG_DEFINE_ERROR(Unknown)
MESG_DEFINE_ERROR(InvalidArgument)
MESG_DEFINE_ERROR(DeadlineExceeded)
MESG_DEFINE_ERROR(NotFound)
MESG_DEFINE_ERROR(AlreadyExists)
MESG_DEFINE_ERROR(PermissionDenied)
MESG_DEFINE_ERROR(ResourceExhausted)
MESG_DEFINE_ERROR(FailedPrecondition)
MESG_DEFINE_ERROR(Aborted)
MESG_DEFINE_ERROR(OutOfRange)
MESG_DEFINE_ERROR(Unimplemented)
MESG_DEFINE_ERROR(Internal)
MESG_DEFINE_ERROR(Unavailable)
MESG_DEFINE_ERROR(DataLoss)
MESG_DEFINE_ERROR(Unauthenticated)
#undef MESG_DEFINE_ERROR

/// `error` with what the caller was doing in front of its message.
Error Annotate(Error error, std::string_view doing);

/// The value of a Result, or return its error from the enclosing function. A whole statement or
/// initializer, never part of a larger expression.
#define MESG_TRY(expression) MESG_TRY_AS(expression, MESG_TRY_NAME(__COUNTER__))
#define MESG_TRY_NAME(number) MESG_TRY_NAME_OF(number)
#define MESG_TRY_NAME_OF(number) mesg_try_result_##number
#define MESG_TRY_AS(expression, result)            \
  __extension__({                                  \
    auto result = (expression);                    \
    if (!result) return std::move(result).error(); \
    *std::move(result);                            \
  })

/// Aborts with the condition and place when a promise inside the program is broken. Checked in
/// every build; never for bad input.
#define MESG_CHECK(condition, ...)               \
  (static_cast<bool>(condition)                  \
       ? static_cast<void>(0)                    \
       : ::mesg::internal::DieOnBrokenInvariant( \
             #condition, __FILE__, __LINE__ __VA_OPT__(, ) __VA_OPT__(fmt::format(__VA_ARGS__))))

namespace internal {
[[noreturn]] void DieOnBrokenInvariant(const char* condition, const char* file, int line,
                                       const std::string& why = {});
}

}  // namespace mesg
