import { Module } from '@nestjs/common';

import { AssessmentRetention } from './assessment-retention.js';
import { AssessmentsController } from './assessments.controller.js';
import { AssessmentsService } from './assessments.service.js';
import { CertificatesController } from './certificates.controller.js';

@Module({
  controllers: [AssessmentsController, CertificatesController],
  providers: [AssessmentsService, AssessmentRetention],
})
export class AssessmentsModule {}
