/** Limits that CI holds an image to; what is absent has none. */
export interface Budgets {
  /** Ours, 0 to 1: not below. */
  readonly efficiency?: number;
  /** Ours: lost and avoidable bytes, not above. */
  readonly wastedBytes?: number;
  /** Of each layer's tar. */
  readonly layerBytes?: number;
  /** Of all layers' tars. */
  readonly imageBytes?: number;
  readonly layers?: number;
  /** Setuid and setgid files and files with capabilities: no others than these paths, `/usr/bin/su`. */
  readonly privileged?: readonly string[];
  /** dive's rules. */
  readonly lowestEfficiency?: number;
  readonly highestWastedBytes?: number;
  readonly highestUserWastedPercent?: number;
}

export type BudgetName = keyof Budgets;

export interface BudgetResult {
  readonly budget: BudgetName;
  readonly isKept: boolean;
  /** For people: `94.1 %`, `12.3 MB`. */
  readonly limit: string;
  readonly actual: string;
  /** What breaks it: layers, paths; at most 20. */
  readonly offenders: readonly string[];
}
