#pragma once
#include <c10/util/Exception.h>

#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace rnn::runtime {

// What LibTorch warns of while it works for an environment. A warning on the thread of the environment is told at once;
// one of a lane waits for `flush`, since only that thread may call JavaScript.
class Warnings : public c10::WarningHandler {
 public:
  using Listener = std::function<void(const std::string& message)>;

  // Without a listener warnings go to standard error.
  void listen(Listener listener) { listener_ = std::move(listener); }
  void process(const c10::Warning& warning) override;
  // Tells what lanes have warned of.
  void flush();

 private:
  const std::thread::id owner_ = std::this_thread::get_id();
  Listener listener_;
  std::mutex mutex_;
  std::vector<std::string> waiting_;
};

}  // namespace rnn::runtime
