import ColonyCore

/// Which page of a list by name is asked for.
struct PageQuery {
    let prefix: String
    let after: LeaseName?
    let limit: Int

    init(_ query: Substring.UTF8View, limits: DaemonConfiguration.Limits) throws(Problem) {
        let parameters = try QueryParameters(query, known: ["prefix", "after", "limit"])
        self.limit = try parameters.integer("limit", in: 1...limits.batch) ?? min(100, limits.batch)
        self.prefix = parameters["prefix"] ?? ""
        guard self.prefix.utf8.count <= NameRules.maximumBytes else {
            throw Problem(
                .invalidRequest,
                "prefix \(NameRules.quoted(self.prefix)) has \(self.prefix.utf8.count) bytes, "
                    + "and \(NameRules.maximumBytes) are the most")
        }
        do throws(InvalidName) {
            self.after = if let text = parameters["after"] { try LeaseName(text) } else { nil }
        } catch {
            throw Problem(error)
        }
    }

    /// Reads the page from what lists by prefix, as far as a token may see it.
    func items<Item>(
        token: AccessToken?,
        _ read: (_ prefix: String, _ after: LeaseName?, _ limit: Int) async throws(LeaseError) -> [Item]
    ) async throws(Problem) -> [Item] {
        var items: [Item] = []
        do throws(LeaseError) {
            for visible in token?.visiblePrefixes(of: self.prefix) ?? [self.prefix] where items.count < self.limit {
                items += try await read(visible, self.after, self.limit - items.count)
            }
        } catch {
            throw Problem(error)
        }
        return items
    }
}
