import type { LintRule } from './rule.ts';
import { definitionDescription } from './rules/structure/definition-description.ts';
import { firstInstruction } from './rules/structure/first-instruction.ts';
import { fromAsCasing } from './rules/structure/from-as-casing.ts';
import { instructionCasing } from './rules/structure/instruction-casing.ts';
import { invalidJsonForm } from './rules/structure/invalid-json-form.ts';
import { jsonArgs } from './rules/structure/json-args.ts';
import { legacyKeyValue } from './rules/structure/legacy-key-value.ts';
import { maintainerDeprecated } from './rules/structure/maintainer-deprecated.ts';
import { multipleInstructions } from './rules/structure/multiple-instructions.ts';
import { noEmptyContinuation } from './rules/structure/no-empty-continuation.ts';
import { onbuildForbidden } from './rules/structure/onbuild-forbidden.ts';
import { stageNameCasing } from './rules/structure/stage-name-casing.ts';
import { syntaxDirectiveTypo } from './rules/structure/syntax-directive-typo.ts';
import { syntaxError } from './rules/structure/syntax-error.ts';
import { unknownInstruction } from './rules/structure/unknown-instruction.ts';
import { circularStages } from './rules/stages/circular-stages.ts';
import { duplicateStageName } from './rules/stages/duplicate-stage-name.ts';
import { noStage } from './rules/stages/no-stage.ts';
import { reservedStageName } from './rules/stages/reserved-stage-name.ts';
import { unreachableStage } from './rules/stages/unreachable-stage.ts';
import { envSelfReference } from './rules/variables/env-self-reference.ts';
import { invalidDefaultArgInFrom } from './rules/variables/invalid-default-arg-in-from.ts';
import { undefinedArgInFrom } from './rules/variables/undefined-arg-in-from.ts';
import { undefinedVar } from './rules/variables/undefined-var.ts';
import { baseEol } from './rules/bases/base-eol.ts';
import { basePlatformMismatch } from './rules/bases/base-platform-mismatch.ts';
import { digestPin } from './rules/bases/digest-pin.ts';
import { fromPlatformConst } from './rules/bases/from-platform-const.ts';
import { redundantTargetPlatform } from './rules/bases/redundant-target-platform.ts';
import { tagLatest } from './rules/bases/tag-latest.ts';
import { tagMissing } from './rules/bases/tag-missing.ts';
import { untrustedRegistry } from './rules/bases/untrusted-registry.ts';
import { addInsteadOfCopy } from './rules/files/add-instead-of-copy.ts';
import { copyFromSelf } from './rules/files/copy-from-self.ts';
import { copyFromUndefined } from './rules/files/copy-from-undefined.ts';
import { copyIgnoredFile } from './rules/files/copy-ignored-file.ts';
import { copyMultiDestSlash } from './rules/files/copy-multi-dest-slash.ts';
import { copyRelativeNoWorkdir } from './rules/files/copy-relative-no-workdir.ts';
import { copyWholeFs } from './rules/files/copy-whole-fs.ts';
import { workdirRelative } from './rules/files/workdir-relative.ts';
import { workdirSystemDir } from './rules/files/workdir-system-dir.ts';
import { secretInArgEnv } from './rules/secrets/secret-in-arg-env.ts';
import { secretInCode } from './rules/secrets/secret-in-code.ts';
import { apkInsecure } from './rules/packages/apk-insecure.ts';
import { apkNoCache } from './rules/packages/apk-no-cache.ts';
import { apkPin } from './rules/packages/apk-pin.ts';
import { apkVirtual } from './rules/packages/apk-virtual.ts';
import { aptAssumeYes } from './rules/packages/apt-assume-yes.ts';
import { aptCleanLists } from './rules/packages/apt-clean-lists.ts';
import { aptInsecure } from './rules/packages/apt-insecure.ts';
import { aptNoRecommends } from './rules/packages/apt-no-recommends.ts';
import { aptPin } from './rules/packages/apt-pin.ts';
import { aptUseAptGet } from './rules/packages/apt-use-apt-get.ts';
import { distUpgrade } from './rules/packages/dist-upgrade.ts';
import { dnfAssumeYes } from './rules/packages/dnf-assume-yes.ts';
import { dnfClean } from './rules/packages/dnf-clean.ts';
import { dnfPin } from './rules/packages/dnf-pin.ts';
import { rpmInsecure } from './rules/packages/rpm-insecure.ts';
import { updateAlone } from './rules/packages/update-alone.ts';
import { yumAssumeYes } from './rules/packages/yum-assume-yes.ts';
import { yumClean } from './rules/packages/yum-clean.ts';
import { yumPin } from './rules/packages/yum-pin.ts';
import { zypperAssumeYes } from './rules/packages/zypper-assume-yes.ts';
import { zypperClean } from './rules/packages/zypper-clean.ts';
import { zypperPin } from './rules/packages/zypper-pin.ts';
import { gemPin } from './rules/languages/gem-pin.ts';
import { gitSsl } from './rules/languages/git-ssl.ts';
import { goPin } from './rules/languages/go-pin.ts';
import { nodeTls } from './rules/languages/node-tls.ts';
import { npmInsecure } from './rules/languages/npm-insecure.ts';
import { npmPin } from './rules/languages/npm-pin.ts';
import { pipNoCache } from './rules/languages/pip-no-cache.ts';
import { pipPin } from './rules/languages/pip-pin.ts';
import { pipTrustedHost } from './rules/languages/pip-trusted-host.ts';
import { pythonHttps } from './rules/languages/python-https.ts';
import { yarnClean } from './rules/languages/yarn-clean.ts';
import { chpasswd } from './rules/shell/chpasswd.ts';
import { curlInsecure } from './rules/shell/curl-insecure.ts';
import { heredocErrexit } from './rules/shell/heredoc-errexit.ts';
import { mergeConsecutiveRuns } from './rules/shell/merge-runs.ts';
import { pipefail } from './rules/shell/pipefail.ts';
import { runCdWorkdir } from './rules/shell/run-cd-workdir.ts';
import { runSudo } from './rules/shell/run-sudo.ts';
import { runTarInsteadOfAdd } from './rules/shell/run-tar-instead-of-add.ts';
import { runUselessCommand } from './rules/shell/run-useless-command.ts';
import { shellInstruction } from './rules/shell/shell-instruction.ts';
import { shellcheck } from './rules/shell/shellcheck.ts';
import { useraddNoLogInit } from './rules/shell/useradd-no-log-init.ts';
import { wgetAndCurl } from './rules/shell/wget-and-curl.ts';
import { wgetInsecure } from './rules/shell/wget-insecure.ts';
import { wgetProgress } from './rules/shell/wget-progress.ts';
import { exposeFormat } from './rules/image/expose-format.ts';
import { exposeProtoCasing } from './rules/image/expose-proto-casing.ts';
import { exposeSsh } from './rules/image/expose-ssh.ts';
import { healthcheckMissing } from './rules/image/healthcheck-missing.ts';
import { numericUser } from './rules/image/numeric-user.ts';
import { portRange } from './rules/image/port-range.ts';
import { rootUser } from './rules/image/root-user.ts';
import { stopsignalCanonical } from './rules/image/stopsignal-canonical.ts';
import { labelEmail } from './rules/labels/label-email.ts';
import { labelEmpty } from './rules/labels/label-empty.ts';
import { labelGithash } from './rules/labels/label-githash.ts';
import { labelKeyValid } from './rules/labels/label-key-valid.ts';
import { labelRequired } from './rules/labels/label-required.ts';
import { labelSemver } from './rules/labels/label-semver.ts';
import { labelSpdx } from './rules/labels/label-spdx.ts';
import { labelSuperfluous } from './rules/labels/label-superfluous.ts';
import { labelTime } from './rules/labels/label-time.ts';
import { labelUrl } from './rules/labels/label-url.ts';
import { baseSmaller } from './rules/measured/base-smaller.ts';
import { cacheMount } from './rules/measured/cache-mount.ts';
import { cacheOrder } from './rules/measured/cache-order.ts';
import { chownDoubles } from './rules/measured/chown-doubles.ts';
import { copyTooMuch } from './rules/measured/copy-too-much.ts';
import { layerDeleteNoGain } from './rules/measured/layer-delete-no-gain.ts';
import { notReproducible } from './rules/measured/not-reproducible.ts';
import { setuidNew } from './rules/measured/setuid-new.ts';
import { unusedPackage } from './rules/measured/unused-package.ts';
import { worldWritable } from './rules/measured/world-writable.ts';
import { noInlineIgnore } from './rules/meta/no-inline-ignore.ts';
import { unusedIgnore } from './rules/meta/unused-ignore.ts';

/** Every rule, topic by topic. */
export const RULES: readonly LintRule[] = [
  definitionDescription,
  firstInstruction,
  fromAsCasing,
  instructionCasing,
  invalidJsonForm,
  jsonArgs,
  legacyKeyValue,
  maintainerDeprecated,
  multipleInstructions,
  noEmptyContinuation,
  onbuildForbidden,
  stageNameCasing,
  syntaxDirectiveTypo,
  syntaxError,
  unknownInstruction,
  circularStages,
  duplicateStageName,
  noStage,
  reservedStageName,
  unreachableStage,
  envSelfReference,
  invalidDefaultArgInFrom,
  undefinedArgInFrom,
  undefinedVar,
  baseEol,
  basePlatformMismatch,
  digestPin,
  fromPlatformConst,
  redundantTargetPlatform,
  tagLatest,
  tagMissing,
  untrustedRegistry,
  addInsteadOfCopy,
  copyFromSelf,
  copyFromUndefined,
  copyIgnoredFile,
  copyMultiDestSlash,
  copyRelativeNoWorkdir,
  copyWholeFs,
  workdirRelative,
  workdirSystemDir,
  secretInArgEnv,
  secretInCode,
  apkInsecure,
  apkNoCache,
  apkPin,
  apkVirtual,
  aptAssumeYes,
  aptCleanLists,
  aptInsecure,
  aptNoRecommends,
  aptPin,
  aptUseAptGet,
  distUpgrade,
  dnfAssumeYes,
  dnfClean,
  dnfPin,
  rpmInsecure,
  updateAlone,
  yumAssumeYes,
  yumClean,
  yumPin,
  zypperAssumeYes,
  zypperClean,
  zypperPin,
  gemPin,
  gitSsl,
  goPin,
  nodeTls,
  npmInsecure,
  npmPin,
  pipNoCache,
  pipPin,
  pipTrustedHost,
  pythonHttps,
  yarnClean,
  chpasswd,
  curlInsecure,
  heredocErrexit,
  mergeConsecutiveRuns,
  pipefail,
  runCdWorkdir,
  runSudo,
  runTarInsteadOfAdd,
  runUselessCommand,
  shellInstruction,
  shellcheck,
  useraddNoLogInit,
  wgetAndCurl,
  wgetInsecure,
  wgetProgress,
  exposeFormat,
  exposeProtoCasing,
  exposeSsh,
  healthcheckMissing,
  numericUser,
  portRange,
  rootUser,
  stopsignalCanonical,
  labelEmail,
  labelEmpty,
  labelGithash,
  labelKeyValid,
  labelRequired,
  labelSemver,
  labelSpdx,
  labelSuperfluous,
  labelTime,
  labelUrl,
  baseSmaller,
  cacheMount,
  cacheOrder,
  chownDoubles,
  copyTooMuch,
  layerDeleteNoGain,
  notReproducible,
  setuidNew,
  unusedPackage,
  worldWritable,
  noInlineIgnore,
  unusedIgnore,
];

const BY_NAME: ReadonlyMap<string, LintRule> = new Map(
  RULES.flatMap((rule) => [rule.id, ...rule.aliases].map((name) => [name.toLowerCase(), rule] as const)),
);

/** The rule that is called so here or by another linter; `DS029` and `AVD-DS-0029` are `DS-0029`. */
export function findRule(name: string): LintRule | undefined {
  const lower = name.toLowerCase();
  if (/^sc\d+$/.test(lower)) return BY_NAME.get('shellcheck');
  const trivy = /^(?:avd-)?ds-?0*(\d+)$/.exec(lower);
  return BY_NAME.get(trivy === null ? lower : `ds-${(trivy[1] ?? '').padStart(4, '0')}`);
}
