// The texts of a page whose contrast is below 4.5 to 1. https://www.w3.org/TR/WCAG22/#contrast-minimum
(() => {
  const numbers = (color) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const luminance = (color) => {
    const [red, green, blue] = numbers(color).map((value) => linear(value / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const backgroundOf = (element) => {
    const { backgroundColor } = getComputedStyle(element);
    const isClear = numbers(backgroundColor)[3] === 0 && element.parentElement !== null;
    return isClear ? backgroundOf(element.parentElement) : backgroundColor;
  };
  const contrastOf = (element) => {
    const colors = [getComputedStyle(element).color, backgroundOf(element)];
    const [darker, lighter] = colors.map(luminance).sort((a, b) => a - b);
    return (lighter + 0.05) / (darker + 0.05);
  };
  const hasText = ({ childNodes }) =>
    [...childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim() !== '');
  return [...document.body.querySelectorAll('*:not(script, noscript, :disabled)')]
    .filter(hasText)
    .filter((element) => contrastOf(element) < 4.5)
    .map((element) => `${element.textContent}: ${contrastOf(element).toFixed(2)}`);
})();
