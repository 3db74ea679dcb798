import './style.css';

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { App } from './app.js';
import { DevelopmentClerk } from './development-clerk.js';

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root.');
createRoot(root).render(
  <StrictMode>
    <App clerk={new DevelopmentClerk()} />
  </StrictMode>,
);
