#include "serve/lanes.h"

namespace rnn::serve {

Lanes::Lanes(std::shared_ptr<const Model> model, int64_t lanes, int64_t threads, std::function<void(JobPtr)> done)
    : model_(std::move(model)), threads_of_lane_(threads), done_(std::move(done)) {
  try {
    for (int64_t i = 0; i < lanes; i++) threads_.emplace_back([this] { serve(); });
  } catch (...) {
    stop();
    throw;
  }
}

Lanes::~Lanes() { stop(); }

void Lanes::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    queue_.clear();
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Lanes::post(JobPtr job) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
}

void Lanes::serve() {
  Worker worker(*model_, threads_of_lane_);
  for (;;) {
    JobPtr job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    try {
      job->run(worker);
    } catch (...) {
      job->error = std::current_exception();
    }
    done_(std::move(job));
  }
}

}  // namespace rnn::serve
