/**
 * lint: what is around the rules of `dockerfile/lint` in the program `shale lint`: its config files, the forms in which
 * findings are told, the changes that fixes make, and (in later files) other programs and builds that are asked. The rules
 * themselves know nothing of files, terminals or other programs; here nothing knows a single rule.
 */
export { findConfig, loadConfigFile } from './config/config.ts';
export { isSeverity, NO_CONFIG, ruleNamed, type LintConfig } from './config/settings.ts';
export { FORMATS, formatReports, type FormatName, type FormatOptions } from './formats/formats.ts';
export { fixFile, type FixedFile, type FixLevel } from './fix-file.ts';
export { dockerfilesIn } from './dockerfiles.ts';
export { withShellcheck } from './shellcheck.ts';
export { isFailure, type FileReport } from './report.ts';
export { runLanguageServer } from './lsp/server.ts';
export { pinFile, type LookUp, type PinnedFile } from './pin-file.ts';
export { proposeIgnore, type ProposedIgnore } from './ignore-file.ts';
export { measuredBuild } from './last-build.ts';
export { versionsOfLock } from './lock-versions.ts';
export { formatVerification, verifyFix, type Verification } from './verify.ts';
