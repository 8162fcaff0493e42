// Scratch memory on cache-line boundaries, not initialised.
#pragma once

#include <cstddef>
#include "core/integers.hpp"
#include <memory>
#include <new>
#include <type_traits>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace movieembed {

template <class T>
class Aligned {
    static_assert(std::is_trivial_v<T>);

public:
    Aligned() = default;
    explicit Aligned(int64_t n) { grow(n); }

    // At least n numbers; what was there is lost if it has to move.
    void grow(int64_t n) {
        if (n <= size_) return;
        memory_.reset();
        const std::size_t bytes = n * sizeof(T);
        const bool large = bytes >= kHuge;
        memory_ = Memory(static_cast<T*>(::operator new(bytes, std::align_val_t{large ? kHuge : kLine})),
                         Free{large ? kHuge : kLine});
#ifdef __linux__
        // Rows are read at random: with small pages each would need its own address translation.
        if (large) madvise(memory_.get(), bytes / kHuge * kHuge, MADV_HUGEPAGE);
#endif
        size_ = n;
    }

    T* data() { return memory_.get(); }
    const T* data() const { return memory_.get(); }

private:
    static constexpr std::size_t kLine = 64, kHuge = std::size_t{1} << 21;
    struct Free {
        std::size_t align = kLine;
        void operator()(T* p) const { ::operator delete(p, std::align_val_t{align}); }
    };
    using Memory = std::unique_ptr<T, Free>;

    Memory memory_;
    int64_t size_ = 0;
};

}  // namespace movieembed
