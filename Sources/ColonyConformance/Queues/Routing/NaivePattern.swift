import ColonyQueues

/// Says whether a pattern fits by trying every way to share the words out.
private func fits(_ pattern: ArraySlice<String>, _ words: ArraySlice<String>) -> Bool {
    guard let first = pattern.first else { return words.isEmpty }
    if first == "#" {
        return fits(pattern.dropFirst(), words) || !words.isEmpty && fits(pattern, words.dropFirst())
    }
    guard let word = words.first else { return false }
    return (first == "*" || first == word) && fits(pattern.dropFirst(), words.dropFirst())
}

func naively(_ pattern: TopicPattern, fits topic: String) -> Bool {
    func words(_ text: String) -> [String] {
        text.isEmpty ? [] : text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    }
    return fits(words(pattern.text)[...], words(topic)[...])
}
