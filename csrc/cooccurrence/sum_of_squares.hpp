// The sum of squares of X, of likes without values, where items have few of them.
#pragma once

#include <cstdint>

#include "core/csr.hpp"

namespace movieembed {

// Rows of X one after the other, each up to the diagonal: sum over users of half the square of their likes, two integer
// steps each, on one counter an item and thread. Many rows at once (CooccurrencePanels) are faster where items have
// many likes. L has at most 2^31 - 1 of them.
template <class T, class I>
double cooccurrence_sum_of_squares(const CsrView<T, I>& l, int n_threads);

}  // namespace movieembed
