/** The program under "First search" in the README, and what its comment says it prints. */
export function firstSearch(): { program: string; prints: string };
