#include "email/imap.h"

#include <algorithm>
#include <utility>

#include <libetpan/libetpan.h>

#include "email/imap_stream.h"

namespace mesg::services::email {
namespace {

constexpr std::size_t kBuffer = 8 * 1024;
constexpr std::size_t kMostAnswer = 32 * 1024 * 1024;  // The UIDs of some million messages.

ImapStream& StreamOf(mailstream_low* low) { return *static_cast<ImapStream*>(low->data); }

mailstream_low_driver* Driver() {
  static mailstream_low_driver driver = {
      .mailstream_read = [](mailstream_low* low, void* into,
                            size_t size) { return StreamOf(low).Read(into, size); },
      .mailstream_write = [](mailstream_low* low, const void* from,
                             size_t size) { return StreamOf(low).Write(from, size); },
      .mailstream_close = [](mailstream_low*) { return 0; },
      .mailstream_get_fd = [](mailstream_low*) { return -1; },
      .mailstream_free = [](mailstream_low* low) { free(low); },
      .mailstream_cancel = [](mailstream_low*) {},
      .mailstream_get_cancel = [](mailstream_low*) -> struct mailstream_cancel* {return nullptr;
}
, .mailstream_get_certificate_chain = [](mailstream_low*) -> carray* { return nullptr; },
  .mailstream_setup_idle = [](mailstream_low*) { return -1; },
  .mailstream_unsetup_idle = [](mailstream_low*) { return -1; },
  .mailstream_interrupt_idle = [](mailstream_low*) { return -1; },
};  // namespace
return &driver;
}  // namespace mesg::services::email

template <typename T, void (*kFree)(T*)>
struct Freed {
  void operator()(T* each) const { kFree(each); }
};
template <typename T, void (*kFree)(T*)>
using Owned = std::unique_ptr<T, Freed<T, kFree>>;

std::int64_t ToSeconds(const mailimap_date_time& time) {
  const std::chrono::sys_days day = std::chrono::year(time.dt_year) /
                                    std::chrono::month(static_cast<unsigned>(time.dt_month)) /
                                    std::chrono::day(static_cast<unsigned>(time.dt_day));
  const int zone = (time.dt_zone / 100) * 60 + time.dt_zone % 100;  // +0130 is 90 minutes.
  return std::chrono::duration_cast<std::chrono::seconds>(day.time_since_epoch()).count() +
         time.dt_hour * 3'600 + time.dt_min * 60 + time.dt_sec - zone * 60;
}

void Take(const mailimap_msg_att_static& from, Stored& stored) {
  switch (from.att_type) {
    case MAILIMAP_MSG_ATT_UID:
      stored.uid = from.att_data.att_uid;
      break;
    case MAILIMAP_MSG_ATT_RFC822_SIZE:
      stored.size = from.att_data.att_rfc822_size;
      break;
    case MAILIMAP_MSG_ATT_INTERNALDATE:
      if (from.att_data.att_internal_date != nullptr) {
        stored.received = ToSeconds(*from.att_data.att_internal_date);
      }
      break;
    case MAILIMAP_MSG_ATT_BODY_SECTION:
      if (const auto* const body = from.att_data.att_body_section;
          body != nullptr && body->sec_body_part != nullptr) {
        stored.raw.assign(body->sec_body_part, body->sec_length);
      }
      break;
    default:
      break;
  }
}

}  // namespace

class Imap::Impl {
 public:
  Impl(std::unique_ptr<ImapStream> stream, mailimap* session)
      : stream_(std::move(stream)), session_(session) {}
  ~Impl() { mailimap_free(session_); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  // What `code` says about `doing`. `refusal` is the code of a server that says no.
  Result<void> Check(int code, int refusal, const char* doing) const {
    if (code == MAILIMAP_NO_ERROR) return {};
    if (stream_->Stopped()) return Cancelled("the service stops");
    if (!stream_->Problem().empty()) return Unavailable("{}: {}", doing, stream_->Problem());
    const char* const response = session_->imap_response;
    if (code == refusal) {
      return FailedPrecondition("{}: the server refuses: {}", doing,
                                response != nullptr ? response : "without a reason");
    }
    if (code == MAILIMAP_ERROR_PARSE) {
      return DataLoss("{}: the answer is not understood", doing);
    }
    return Unavailable("{}: the connection has failed (libetpan code {})", doing, code);
  }

  Result<void> Open(const std::string& mailbox, bool read_only) {
    stream_->Allow(kMostAnswer);
    mailstream_low* const low = mailstream_low_new(stream_.get(), Driver());
    mailstream* const stream = low != nullptr ? mailstream_new(low, kBuffer) : nullptr;
    if (stream == nullptr) return Unavailable("out of memory");
    const int connected = mailimap_connect(session_, stream);
    MESG_TRY(Check(connected == MAILIMAP_NO_ERROR_AUTHENTICATED ? MAILIMAP_NO_ERROR : connected, -1,
                   "greeting"));
    const std::string doing = "opening " + mailbox;
    const int code = read_only ? mailimap_examine(session_, mailbox.c_str())
                               : mailimap_select(session_, mailbox.c_str());
    MESG_TRY(
        Check(code, read_only ? MAILIMAP_ERROR_EXAMINE : MAILIMAP_ERROR_SELECT, doing.c_str()));
    if (Selection().sel_uidvalidity == 0) {
      return FailedPrecondition("{}: the server gives no UIDVALIDITY", doing);
    }
    mailimap_capability_data* capabilities = nullptr;
    MESG_TRY(Check(mailimap_capability(session_, &capabilities), MAILIMAP_ERROR_CAPABILITY,
                   "asking for capabilities"));
    if (capabilities != nullptr) mailimap_capability_data_free(capabilities);
    has_idle_ = mailimap_has_idle(session_) != 0;
    return {};
  }

  mailimap_selection_info& Selection() const { return *session_->imap_selection_info; }

  const std::unique_ptr<ImapStream> stream_;
  mailimap* const session_;
  bool has_idle_ = false;
};

Result<std::unique_ptr<Imap>> Imap::Connect(const Server& server, const std::string& mailbox,
                                            bool read_only, std::stop_token stop) {
  auto stream = MESG_TRY(ImapStream::Connect(server, std::move(stop)));
  auto impl = std::make_unique<Impl>(std::move(stream), mailimap_new(0, nullptr));
  MESG_TRY(impl->Open(mailbox, read_only));
  return std::unique_ptr<Imap>(new Imap(std::move(impl)));
}

Imap::Imap(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Imap::~Imap() = default;

std::uint32_t Imap::uid_validity() const { return impl_->Selection().sel_uidvalidity; }
std::uint32_t Imap::uid_next() const { return impl_->Selection().sel_uidnext; }
std::uint32_t Imap::exists() const { return impl_->Selection().sel_exists; }
bool Imap::has_idle() const { return impl_->has_idle_; }

Result<std::vector<std::uint32_t>> Imap::Search(std::uint32_t first, std::uint32_t last,
                                                std::optional<std::int64_t> since) {
  using Key = Owned<mailimap_search_key, mailimap_search_key_free>;
  const Key key(mailimap_search_key_new_multiple_empty());
  mailimap_search_key_multiple_add(
      key.get(), mailimap_search_key_new_uid(mailimap_set_new_interval(first, last)));
  if (since) {
    const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(
        std::chrono::sys_seconds(std::chrono::seconds(*since))));
    mailimap_search_key_multiple_add(
        key.get(), mailimap_search_key_new_since(mailimap_date_new(
                       static_cast<int>(unsigned{day.day()}),
                       static_cast<int>(unsigned{day.month()}), int{day.year()})));
  }
  impl_->stream_->Allow(kMostAnswer);
  clist* found = nullptr;
  MESG_TRY(impl_->Check(mailimap_uid_search(impl_->session_, nullptr, key.get(), &found),
                        MAILIMAP_ERROR_UID_SEARCH, "searching"));
  std::vector<std::uint32_t> uids;
  if (found == nullptr) return uids;
  for (clistiter* at = clist_begin(found); at != nullptr; at = clist_next(at)) {
    const std::uint32_t uid = *static_cast<std::uint32_t*>(clist_content(at));
    // "n:*" always finds the last message, even when its UID is less than n.
    if (uid >= first) uids.push_back(uid);
  }
  mailimap_search_result_free(found);
  std::ranges::sort(uids);
  return uids;
}

Result<Stored> Imap::Fetch(std::uint32_t uid, std::uint32_t most) {
  const Owned<mailimap_set, mailimap_set_free> set(mailimap_set_new_single(uid));
  const Owned<mailimap_fetch_type, mailimap_fetch_type_free> type(
      mailimap_fetch_type_new_fetch_att_list_empty());
  for (mailimap_fetch_att* const each :
       {mailimap_fetch_att_new_uid(), mailimap_fetch_att_new_rfc822_size(),
        mailimap_fetch_att_new_internaldate(),
        mailimap_fetch_att_new_body_peek_section_partial(mailimap_section_new(nullptr), 0, most)}) {
    mailimap_fetch_type_new_fetch_att_list_add(type.get(), each);
  }
  impl_->stream_->Allow(std::size_t{most} + kMostAnswer);
  clist* fetched = nullptr;
  MESG_TRY(impl_->Check(mailimap_uid_fetch(impl_->session_, set.get(), type.get(), &fetched),
                        MAILIMAP_ERROR_UID_FETCH, "fetching"));
  const Owned<clist, mailimap_fetch_list_free> owner(fetched);
  for (clistiter* at = fetched != nullptr ? clist_begin(fetched) : nullptr; at != nullptr;
       at = clist_next(at)) {
    const auto& attributes = *static_cast<mailimap_msg_att*>(clist_content(at));
    Stored stored;
    for (clistiter* in = clist_begin(attributes.att_list); in != nullptr; in = clist_next(in)) {
      const auto& item = *static_cast<mailimap_msg_att_item*>(clist_content(in));
      if (item.att_type == MAILIMAP_MSG_ATT_ITEM_STATIC) Take(*item.att_data.att_static, stored);
    }
    if (stored.uid == uid) return stored;
  }
  return NotFound("the message {} is gone", uid);
}

Result<void> Imap::MarkSeen(std::uint32_t uid) {
  const Owned<mailimap_set, mailimap_set_free> set(mailimap_set_new_single(uid));
  mailimap_flag_list* const flags = mailimap_flag_list_new_empty();
  mailimap_flag_list_add(flags, mailimap_flag_new_seen());
  const Owned<mailimap_store_att_flags, mailimap_store_att_flags_free> change(
      mailimap_store_att_flags_new_add_flags_silent(flags));
  impl_->stream_->Allow(kMostAnswer);
  return impl_->Check(mailimap_uid_store(impl_->session_, set.get(), change.get()),
                      MAILIMAP_ERROR_UID_STORE, "marking as seen");
}

Result<void> Imap::Idle(Duration time) {
  impl_->stream_->Allow(kMostAnswer);
  MESG_TRY(impl_->Check(mailimap_idle(impl_->session_), MAILIMAP_ERROR_EXTENSION, "idling"));
  const bool buffered = impl_->session_->imap_stream->read_buffer_len > 0;
  if (!buffered && !impl_->stream_->Await(time)) {
    return impl_->Check(MAILIMAP_ERROR_STREAM, -1, "idling");
  }
  return impl_->Check(mailimap_idle_done(impl_->session_), MAILIMAP_ERROR_EXTENSION, "idling");
}

}  // namespace mesg::services::email
