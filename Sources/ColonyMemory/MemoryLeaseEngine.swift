public import ColonyCore
