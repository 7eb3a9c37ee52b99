#pragma once
#include <c10/util/Exception.h>

#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace rnn::runtime {

// Collects LibTorch's warnings for an environment. A warning on the environment's thread is reported immediately. A
// warning on a lane waits for `flush`, since only the environment's thread may call JavaScript.
class Warnings : public c10::WarningHandler {
 public:
  using Listener = std::function<void(const std::string& message)>;

  // Without a listener, warnings go to standard error.
  void listen(Listener listener) { listener_ = std::move(listener); }
  void process(const c10::Warning& warning) override;
  // Reports the warnings from lanes.
  void flush();

 private:
  const std::thread::id owner_ = std::this_thread::get_id();
  Listener listener_;
  std::mutex mutex_;
  std::vector<std::string> waiting_;
};

}  // namespace rnn::runtime
