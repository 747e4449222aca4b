#include "email/smtp.h"

#include <algorithm>
#include <cctype>
#include <memory>
#include <optional>
#include <utility>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/encoding.h"
#include "mesg/json.h"

namespace mesg::services::email {
namespace {

constexpr long kTimeoutMs = 110'000;
constexpr std::size_t kMostReply = 500;

struct CurlDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  void operator()(curl_mime* mime) const { curl_mime_free(mime); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, CurlDeleter>;

List MakeList(const std::vector<std::string>& items) {
  curl_slist* list = nullptr;
  for (const std::string& each : items) list = curl_slist_append(list, each.c_str());
  return List(list);
}

// What was said, as libcurl reports it: a command, then the lines of its reply.
class Dialogue {
 public:
  static int Take(CURL*, curl_infotype type, char* data, std::size_t size, void* self) {
    auto& dialogue = *static_cast<Dialogue*>(self);
    const std::string_view text(data, size);
    if (type == CURLINFO_HEADER_OUT) dialogue.OnCommand(text);
    if (type == CURLINFO_HEADER_IN) dialogue.OnReply(text);
    return 0;
  }

  Sent sent;
  int code = 0;  // Of the last reply to the last command; 0 when none came.
  std::string reply;

 private:
  void OnCommand(std::string_view command) {
    constexpr std::string_view kRecipient = "RCPT TO:<";
    if (command.starts_with("QUIT")) over_ = true;  // What matters was said before.
    if (over_) return;
    code = 0;
    reply.clear();
    recipient_.reset();
    if (command.starts_with(kRecipient)) {
      command.remove_prefix(kRecipient.size());
      recipient_ = command.substr(0, command.rfind('>'));
    }
  }

  void OnReply(std::string_view line) {
    if (over_) return;
    while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back())) != 0) {
      line.remove_suffix(1);
    }
    if (line.size() < 3) return;
    const bool is_reply = std::ranges::all_of(line.substr(0, 3),
                                              [](unsigned char c) { return std::isdigit(c) != 0; });
    if (!is_reply) return;
    if (std::exchange(complete_, false)) reply.clear();  // A command may have two, DATA has.
    code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    if (!reply.empty()) reply += ' ';
    if (reply.size() < kMostReply) reply += line.substr(std::min<std::size_t>(4, line.size()));
    const bool last = line.size() == 3 || line[3] != '-';
    complete_ = last;
    if (!last || !recipient_) return;
    if (code < 300) {
      sent.accepted.push_back(*recipient_);
    } else {
      sent.rejected.push_back({*recipient_, code, Shortened(reply, kMostReply)});
    }
    recipient_.reset();
  }

  std::optional<std::string> recipient_;
  bool complete_ = false;
  bool over_ = false;
};

int Progress(void* cancelled, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return (*static_cast<const std::function<bool()>*>(cancelled))() ? 1 : 0;
}

// The encoder wants the line breaks of the wire.
std::string WithCrLf(std::string_view text) {
  std::string lines;
  lines.reserve(text.size() + text.size() / 32);
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\r' && at + 1 < text.size() && text[at + 1] == '\n') ++at;
    if (text[at] == '\n' || text[at] == '\r') {
      lines += "\r\n";
    } else {
      lines += text[at];
    }
  }
  return lines;
}

void AddText(curl_mime* mime, const std::string& text, const char* type) {
  const std::string lines = WithCrLf(text);
  curl_mimepart* const part = curl_mime_addpart(mime);
  curl_mime_data(part, lines.data(), lines.size());
  curl_mime_type(part, type);
  curl_mime_encoder(part, "quoted-printable");
}

// Text and HTML of one message are alternatives.
void AddTexts(CURL* easy, curl_mime* mime, const Outgoing& outgoing) {
  constexpr const char* kPlain = "text/plain; charset=utf-8";
  constexpr const char* kHtml = "text/html; charset=utf-8";
  if (outgoing.text && outgoing.html) {
    curl_mime* const both = curl_mime_init(easy);
    AddText(both, *outgoing.text, kPlain);
    AddText(both, *outgoing.html, kHtml);
    curl_mimepart* const part = curl_mime_addpart(mime);
    curl_mime_subparts(part, both);  // Owned by the part from here on.
    curl_mime_type(part, "multipart/alternative");
  } else if (outgoing.text) {
    AddText(mime, *outgoing.text, kPlain);
  } else if (outgoing.html) {
    AddText(mime, *outgoing.html, kHtml);
  }
}

void AddAttachment(curl_mime* mime, const Attachment& attachment) {
  curl_mimepart* const part = curl_mime_addpart(mime);
  curl_mime_data(part, attachment.bytes.data(), attachment.bytes.size());
  curl_mime_type(part, attachment.type.c_str());
  curl_mime_encoder(part, "base64");
  curl_mime_headers(part, MakeList({Disposition(attachment.name)}).release(), 1);
}

Error ToError(CURLcode code, const Server& server, const Dialogue& dialogue, const char* detail) {
  const auto& rejected = dialogue.sent.rejected;
  const std::string where = "SMTP at " + server.Name();
  if (code == CURLE_ABORTED_BY_CALLBACK) return Cancelled("the message is not wanted any more");
  if (!rejected.empty() && dialogue.sent.accepted.empty()) {
    const auto& first = rejected.front();
    const bool forever = std::ranges::all_of(rejected, [](const auto& r) { return r.code >= 500; });
    const std::string text = fmt::format("{} takes none of the {} recipients; {}: {} {}", where,
                                         rejected.size(), first.address, first.code, first.reply);
    return forever ? FailedPrecondition("{}", text) : Unavailable("{}", text);
  }
  if (dialogue.code >= 500) {
    return FailedPrecondition("{} refuses: {} {}", where, dialogue.code, dialogue.reply);
  }
  if (dialogue.code >= 400) {
    return Unavailable("{} cannot take it now: {} {}", where, dialogue.code, dialogue.reply);
  }
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_USE_SSL_FAILED:
    case CURLE_LOGIN_DENIED:
      return FailedPrecondition("{}: {}", where, detail);
    default:
      return Unavailable("{}: {}", where, detail);
  }
}

}  // namespace

Result<Sent> Send(const Server& server, const Outgoing& outgoing, TimePoint now,
                  const std::function<bool()>& cancelled) {
  const std::unique_ptr<CURL, CurlDeleter> owner(curl_easy_init());
  CURL* const easy = owner.get();
  SetUp(easy, "smtp", server);
  const List headers = MakeList(HeaderLines(outgoing, now));
  const List recipients = MakeList(outgoing.Recipients());
  const std::unique_ptr<curl_mime, CurlDeleter> mime(curl_mime_init(easy));
  AddTexts(easy, mime.get(), outgoing);
  for (const Attachment& each : outgoing.attachments) AddAttachment(mime.get(), each);

  Dialogue dialogue;
  std::string detail(CURL_ERROR_SIZE, '\0');
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, detail.data());
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, kTimeoutMs);
  curl_easy_setopt(easy, CURLOPT_MAIL_FROM, outgoing.from.address.c_str());
  curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, recipients.get());
  curl_easy_setopt(easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(easy, CURLOPT_MIMEPOST, mime.get());
  curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L);  // For the dialogue; nothing is printed.
  curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, &Dialogue::Take);
  curl_easy_setopt(easy, CURLOPT_DEBUGDATA, &dialogue);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, &Progress);
  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, &cancelled);
  const CURLcode code = curl_easy_perform(easy);
  if (code != CURLE_OK) {
    const char* const why = detail.front() != '\0' ? detail.c_str() : curl_easy_strerror(code);
    return ToError(code, server, dialogue, why);
  }
  return std::move(dialogue.sent);
}

std::string WriteOutputs(const Outgoing& outgoing, const Sent& sent) {
  std::string accepted = "[";
  for (const std::string& each : sent.accepted) {
    accepted += (accepted.size() > 1 ? "," : "") + QuoteJson(each);
  }
  std::string rejected = "[";
  for (const Sent::Rejection& each : sent.rejected) {
    rejected += (rejected.size() > 1 ? "," : "") + sdk::JsonObject()
                                                       .Add("address", each.address)
                                                       .Add("code", each.code)
                                                       .Add("reply", each.reply)
                                                       .Take();
  }
  return sdk::JsonObject()
      .Add("message_id", outgoing.message_id)
      .AddRaw("accepted", accepted + "]")
      .AddRaw("rejected", rejected + "]")
      .Take();
}

}  // namespace mesg::services::email
