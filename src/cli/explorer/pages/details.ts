import { shownText } from '../../terminal/shown-text.ts';
import { imageDetails, instructionLines, layerDetails } from '../details.ts';
import { field, headingLine, rowsOf } from '../lines.ts';
import { isMove, moveInText } from '../scrolling.ts';
import type { Action, ExplorerModel } from '../state.ts';
import type { PageView } from './page-view.ts';

/** All that is known of a layer and of the image. */
export interface DetailsPage {
  readonly kind: 'details';
  readonly layer: number;
  readonly top: number;
}

export function detailsView(model: ExplorerModel, page: DetailsPage, columns: number): PageView {
  const { report } = model.image;
  const lines = [
    ...layerDetails(report, page.layer, columns),
    [],
    headingLine('Image', columns),
    ...imageDetails(report, columns),
    ...(report.problems.length === 0 ? [] : [[], headingLine('Could not be read', columns)]),
    ...report.problems.flatMap((problem) => field('', shownText(problem), columns)),
    [],
    headingLine('Instructions', columns),
    ...instructionLines(report),
  ];
  return {
    heading: `Layer ${page.layer}`,
    head: [],
    rows: rowsOf(lines),
    top: page.top,
    selected: undefined,
    hints: [['q', 'back']],
  };
}

export function detailsKeys(
  page: DetailsPage,
  key: string,
  { count, window }: { readonly count: number; readonly window: number },
): readonly Action[] | undefined {
  if (!isMove(key)) return undefined;
  return [{ kind: 'page', page: { ...page, top: moveInText(page.top, key, count, window) } }];
}
