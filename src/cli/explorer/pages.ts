import type { Layout } from './layout.ts';
import { compareKeys, compareView } from './pages/compare.ts';
import { detailsKeys, detailsView } from './pages/details.ts';
import { diffKeys, diffView } from './pages/diff.ts';
import { fileKeys, fileView } from './pages/file.ts';
import { foundKeys, foundView } from './pages/found.ts';
import { helpKeys, helpView } from './pages/help.ts';
import { inventoryKeys, inventoryView } from './pages/inventory.ts';
import type { PageView } from './pages/page-view.ts';
import { wasteKeys, wasteView } from './pages/waste.ts';
import type { Action, ExplorerModel, Page } from './state.ts';

export function pageView(model: ExplorerModel, page: Page, columns: number): PageView {
  switch (page.kind) {
    case 'help':
      return helpView(page, columns);
    case 'details':
      return detailsView(model, page, columns);
    case 'waste':
      return wasteView(model, page);
    case 'found':
      return foundView(page);
    case 'file':
      return fileView(model, page, columns);
    case 'diff':
      return diffView(page, columns);
    case 'inventory':
      return inventoryView(model, page, columns);
    case 'compare':
      return compareView(model.comparison, page);
  }
}

/** Rows of a page that are seen below what stays. */
export function pageWindow(view: PageView, layout: Layout): number {
  return Math.max(1, layout.pageRows - view.head.length);
}

/** What a key does on a page; undefined where it has no meaning of its own there. */
export function pageKeys(model: ExplorerModel, page: Page, key: string, layout: Layout): readonly Action[] | undefined {
  const view = pageView(model, page, layout.columns);
  const rows = { count: view.rows.count, window: pageWindow(view, layout) };
  switch (page.kind) {
    case 'help':
      return helpKeys(page, key, rows);
    case 'details':
      return detailsKeys(page, key, rows);
    case 'waste':
      return wasteKeys(model, page, key, rows.window);
    case 'found':
      return foundKeys(page, key, rows.window);
    case 'file':
      return fileKeys(page, key, rows);
    case 'diff':
      return diffKeys(page, key, rows);
    case 'inventory':
      return inventoryKeys(model, page, key, rows);
    case 'compare':
      return compareKeys(page, key, rows);
  }
}
