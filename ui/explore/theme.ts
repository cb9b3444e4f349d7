import { button } from './dom.ts';

/** `auto` is what the system has chosen. */
const THEMES = ['auto', 'light', 'dark'] as const;
type Theme = (typeof THEMES)[number];

const SIGNS: Readonly<Record<Theme, string>> = { auto: '◐', light: '☀', dark: '☾' };
const KEY = 'shale-theme';

/** A button that goes through the themes. The choice is kept where the browser allows it. */
export function themeSwitch(): HTMLButtonElement {
  let theme = stored();
  const choice = button(undefined, () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'auto';
    apply();
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // A page without storage forgets it.
    }
  });
  choice.className = 'icon';
  const apply = (): void => {
    if (theme === 'auto') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
    choice.textContent = SIGNS[theme];
    choice.setAttribute('aria-label', `Colours: ${theme}`);
    choice.title = `Colours: ${theme}`;
  };
  apply();
  return choice;
}

function stored(): Theme {
  try {
    const text = localStorage.getItem(KEY);
    return THEMES.find((theme) => theme === text) ?? 'auto';
  } catch {
    return 'auto';
  }
}
