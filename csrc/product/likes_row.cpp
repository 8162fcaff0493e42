// A single sparse row times X: few users have its items.
#include <algorithm>
#include <utility>

#include "product/likes_product.hpp"

namespace movieembed {

template <class T, class I>
template <class J>
void LikesProduct<T, I>::apply_row(const CsrView<T, J>& rows, int64_t q, const double* scale, T* out,
                                   int64_t ldo) const {
    // Block by block the sums of its users who have any item of the row, and at once what they add to the items.
    std::vector<double> sum(blocks_->most_users, 0.0), of_item(likes_.cols, 0.0);
    std::vector<char> seen(sum.size(), 0);
    std::vector<uint16_t> users;
    for (std::size_t b = 0; b < blocks_->blocks.size(); ++b) {
        const Block& block = blocks_->blocks[b];
        users.clear();
        for (int64_t k = rows.begin(q); k < rows.end(q); ++k) {
            const I item = blocks_->place[rows.indices[k]];
            const auto found = std::lower_bound(block.items.begin(), block.items.end(), item);
            if (found == block.items.end() || *found != item) continue;
            const int64_t s = found - block.items.begin();
            for (int64_t e = block.ptr[s]; e < block.ptr[s + 1]; ++e) {
                const uint16_t u = block.users[e];
                const double weight = likes_.values ? static_cast<double>(values_[b][e]) : 1.0;
                sum[u] += weight * static_cast<double>(rows.value(k));
                if (std::exchange(seen[u], 1) == 0) users.push_back(u);
            }
        }
        for (const uint16_t u : users) {
            const double weight = std::exchange(sum[u], 0.0);
            seen[u] = 0;
            const int64_t user = block.first_user + u;
            for (int64_t k = likes_.begin(user); k < likes_.end(user); ++k)
                of_item[blocks_->items[k]] += weight * static_cast<double>(likes_.value(k));
        }
    }
    for (int64_t k = rows.begin(q); k < rows.end(q); ++k) {
        const int64_t item = rows.indices[k];
        of_item[blocks_->place[item]] -= squares_[item] * static_cast<double>(rows.value(k));
    }
    for (int64_t r = 0; r < likes_.cols; ++r) {
        const int64_t item = blocks_->order[r];
        out[item * ldo] = static_cast<T>((scale ? scale[item] : 1.0) * of_item[r]);
    }
}

template void LikesProduct<float, int32_t>::apply_row(const CsrView<float, int32_t>&, int64_t, const double*, float*,
                                                      int64_t) const;
template void LikesProduct<float, int32_t>::apply_row(const CsrView<float, int64_t>&, int64_t, const double*, float*,
                                                      int64_t) const;
template void LikesProduct<float, int64_t>::apply_row(const CsrView<float, int32_t>&, int64_t, const double*, float*,
                                                      int64_t) const;
template void LikesProduct<float, int64_t>::apply_row(const CsrView<float, int64_t>&, int64_t, const double*, float*,
                                                      int64_t) const;
template void LikesProduct<double, int32_t>::apply_row(const CsrView<double, int32_t>&, int64_t, const double*, double*,
                                                       int64_t) const;
template void LikesProduct<double, int32_t>::apply_row(const CsrView<double, int64_t>&, int64_t, const double*, double*,
                                                       int64_t) const;
template void LikesProduct<double, int64_t>::apply_row(const CsrView<double, int32_t>&, int64_t, const double*, double*,
                                                       int64_t) const;
template void LikesProduct<double, int64_t>::apply_row(const CsrView<double, int64_t>&, int64_t, const double*, double*,
                                                       int64_t) const;

}  // namespace movieembed
