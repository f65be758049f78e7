public import ColonyCaches

extension MemoryCacheTier: ListingTier {
    /// Lists keys in the order of their bytes.
    ///
    /// - Complexity: O(*n* log *n*) in the number of entries for each page, which is for tests and small stores.
    public func keys(from cursor: CacheCursor?, limit: Int) async throws(CacheError) -> CachePage {
        guard limit >= 1 else {
            throw CacheError(.invalidRequest, "a page has room for 1 key or more, and not for \(limit)")
        }
        // Being closed is noticed as by every other call.
        _ = try await self.get([])
        let keys = self.store.keys(after: cursor?.text, limit: limit)
        return CachePage(keys: keys, next: keys.count < limit ? nil : keys.last.map { CacheCursor(text: $0.rawValue) })
    }
}
